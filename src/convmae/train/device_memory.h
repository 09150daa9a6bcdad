#pragma once

#include "convmae/data/loader.h"

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace convmae {

/// The memory of a device that has some of its own, in bytes, as the library's allocator counts it.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  virtual std::int64_t capacity() const = 0;  ///< that this process can have in all
  virtual std::int64_t in_use() const = 0;
  virtual std::int64_t most_in_use() const = 0;  ///< since `forget_most`
  virtual void forget_most() = 0;
};

/// That of a device; null of the CPU.
std::unique_ptr<DeviceMemory> memory_of(c10::Device device);

/// When there was not enough for `batch`: how much it would have needed, and how many images would
/// fit. That is found out with smaller parts of it, which `attempt` takes forward and back: it
/// throws c10::OutOfMemoryError where these are too large as well.
std::string memory_needed(DeviceMemory& memory, const Batch& batch,
                          const std::function<void(const Batch&)>& attempt);

}  // namespace convmae
