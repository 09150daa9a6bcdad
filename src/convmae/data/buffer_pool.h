#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace convmae {

/// Lends float buffers of one size. A buffer comes back by itself when its last owner lets go, from
/// any thread, also after the pool is gone (then it is freed).
class BufferPool {
 public:
  explicit BufferPool(std::int64_t values) : state_(std::make_shared<State>()), values_(values) {}

  /// A buffer of unspecified content, aligned to 64 bytes.
  std::shared_ptr<float[]> take();

 private:
  struct Free {
    void operator()(float* buffer) const;
  };
  using Buffer = std::unique_ptr<float[], Free>;
  struct State {
    std::mutex mutex;
    std::vector<Buffer> idle;
  };

  std::shared_ptr<State> state_;
  std::int64_t values_;
};

}  // namespace convmae
