#include "convmae/benchmark/live_bytes.h"

#include <c10/util/ThreadLocalDebugInfo.h>

namespace convmae {

class LiveBytes::Listener : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void* /*ptr*/, std::int64_t alloc_size, std::size_t /*total_allocated*/,
                         std::size_t /*total_reserved*/, c10::Device /*device*/) override {
    bytes += alloc_size;
  }
  bool memoryProfilingEnabled() const override { return true; }

  std::int64_t bytes = 0;
};

LiveBytes::LiveBytes() : listener_(std::make_shared<Listener>()) {
  c10::ThreadLocalDebugInfo::_push(c10::DebugInfoKind::PROFILER_STATE, listener_);
}

LiveBytes::~LiveBytes() { c10::ThreadLocalDebugInfo::_pop(c10::DebugInfoKind::PROFILER_STATE); }

std::int64_t LiveBytes::now() const { return listener_->bytes; }

}  // namespace convmae
