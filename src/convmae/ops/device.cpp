#include "convmae/ops/device.h"

#include "convmae/base/error.h"
#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/core/Tensor.h>

#include <cstdlib>
#include <optional>
#include <string_view>

namespace convmae {
namespace {

#ifdef CONVMAE_HAS_CUDA
constexpr bool kHasKernels = true;
#else
constexpr bool kHasKernels = false;
#endif

constexpr std::string_view kCuda = "cuda";

/// NUMBER of cuda:NUMBER; nothing for cuda alone.
std::optional<std::int64_t> number_of_gpu(const std::string& name) {
  if (name == kCuda) return std::nullopt;
  constexpr std::string_view kBefore = "cuda:";
  if (name.starts_with(kBefore)) {
    const auto number = parse_count(std::string_view(name).substr(kBefore.size()));
    if (number) return number;
  }
  throw UserError("--device must be auto, cpu, cuda or cuda:NUMBER, found " + quote(name));
}

void require_gpu(const std::string& device) {
  if (!kHasKernels) {
    throw UserError("--device " + device +
                    " needs a program that was built with nvcc and a CUDA build of torch; this one "
                    "computes on CPUs alone: use --device cpu");
  }
  if (num_gpus() == 0) {
    throw UserError("--device " + device +
                    " finds no GPU (nvidia-smi lists those that the driver has, "
                    "CUDA_VISIBLE_DEVICES hides some): use --device cpu");
  }
}

}  // namespace

std::int64_t num_gpus() {
  return kHasKernels && at::hasCUDA() ? at::accelerator::deviceCount() : 0;
}

c10::Device parse_device(const std::string& name, std::int64_t local_rank) {
  if (name == "cpu" || (name == "auto" && num_gpus() == 0)) return c10::kCPU;
  const std::optional<std::int64_t> number = number_of_gpu(name == "auto" ? "cuda" : name);
  require_gpu(name);
  const std::int64_t count = num_gpus();
  if (number && *number >= count) {
    throw UserError("--device " + name + " is not there: the GPUs are numbered from 0 to " +
                    std::to_string(count - 1));
  }
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(number.value_or(local_rank % count))};
}

void use_device(c10::Device device) {
  if (device.is_cpu()) return;
  at::accelerator::setDeviceIndex(device.index());
  // What cuBLAS wants for the same bits every time, unless its user has asked for something else.
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*replace=*/0);
  at::Context& context = at::globalContext();
  context.setDeterministicAlgorithms(true, /*warn_only=*/true);
  context.setDeterministicFillUninitializedMemory(false);
  context.setDeterministicCuDNN(true);
  context.setBenchmarkCuDNN(false);
  context.setAllowTF32CuDNN(false);
  context.setAllowTF32CuBLAS(false);
}

void wait_for(c10::Device device) {
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
}

at::Tensor sent_to(c10::Device device, const at::Tensor& host) {
  if (!device.is_cuda()) return host.to(device);
  // A copy from other memory would wait for all that has been started on the device.
  return host.pin_memory().to(device, /*non_blocking=*/true);
}

}  // namespace convmae
