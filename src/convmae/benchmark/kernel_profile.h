#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace convmae {

/// What a device did under one name: a kernel or a copy, on the CPU an operator.
struct KernelTime {
  std::string name;
  std::int64_t calls = 0;
  double seconds = 0;  ///< of all calls, without what operators call in turn
};

/// Runs `work`, which the device need not have finished on return, under libtorch's profiler. The
/// longest come first.
std::vector<KernelTime> profile_kernels(const std::function<void()>& work, c10::Device device);

}  // namespace convmae
