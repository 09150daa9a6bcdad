#include "convmae/train/device_memory.h"

#include <ATen/DeviceAccelerator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>

#include <cstddef>
#include <cstdio>

namespace convmae {
namespace {

class AllocatorMemory : public DeviceMemory {
 public:
  explicit AllocatorMemory(c10::DeviceIndex index) : index_(index) {}

  std::int64_t capacity() const override {
    // What the allocator holds is not free, and yet this process's.
    const auto [free, total] = at::accelerator::getMemoryInfo(index_);
    return static_cast<std::int64_t>(free) + sum(&Stats::reserved_bytes).current;
  }
  std::int64_t in_use() const override { return sum(&Stats::allocated_bytes).current; }
  std::int64_t most_in_use() const override { return sum(&Stats::allocated_bytes).peak; }
  void forget_most() override { at::accelerator::resetPeakStats(index_); }

 private:
  using Stats = c10::CachingDeviceAllocator::DeviceStats;

  c10::CachingAllocator::Stat sum(c10::CachingAllocator::StatArray Stats::*what) const {
    constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    return (at::accelerator::getDeviceStats(index_).*what)[kAll];
  }

  c10::DeviceIndex index_;
};

/// The first `count` images of a batch of images of one size.
Batch first_images(const Batch& batch, std::int64_t count) {
  Batch part = batch;
  const auto kept = static_cast<std::size_t>(count);
  part.count = count;
  part.global_indices.resize(kept);
  part.samples.resize(kept);
  part.labels.resize(kept);
  return part;
}

std::string gigabytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f GB", bytes / 1e9);
  return text;
}

}  // namespace

std::unique_ptr<DeviceMemory> memory_of(c10::Device device) {
  if (device.is_cpu()) return nullptr;
  return std::make_unique<AllocatorMemory>(device.index());
}

std::string memory_needed(DeviceMemory& memory, const Batch& batch,
                          const std::function<void(const Batch&)>& attempt) {
  const std::string there_is = "the device has not enough memory for a micro-batch of " +
                               std::to_string(batch.count) + " images: there are " +
                               gigabytes(static_cast<double>(memory.capacity()));
  if (batch.padded) return there_is + "; choose a smaller --batch_size, or --recompute";
  const auto resting = static_cast<double>(memory.in_use());
  for (std::int64_t count = batch.count / 2; count > 0; count /= 2) {
    memory.forget_most();
    try {
      attempt(first_images(batch, count));
    } catch (const c10::OutOfMemoryError&) {
      continue;
    }
    const double an_image =
        (static_cast<double>(memory.most_in_use()) - resting) / static_cast<double>(count);
    const double whole = resting + an_image * static_cast<double>(batch.count);
    std::int64_t fits = count;
    for (std::int64_t more = count + 1; more < batch.count; ++more) {
      const bool divides = batch.count % more == 0;
      const double needed = resting + an_image * static_cast<double>(more);
      if (divides && needed < static_cast<double>(memory.capacity())) fits = more;
    }
    return there_is + ", and it needs about " + gigabytes(whole) + "; --batch_size " +
           std::to_string(fits) + " fits, and with --accum_iter steps have as many images";
  }
  return there_is + ", of which the model takes " + gigabytes(resting) +
         ": not one image fits beside it";
}

}  // namespace convmae
