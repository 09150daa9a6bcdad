#include "convmae/model/compute.h"

#include "convmae/base/cpus.h"
#include "convmae/dist/process_group.h"
#include "convmae/model/dense/batch_norm.h"
#include "convmae/model/encoder/layers.h"
#include "convmae/model/named_tensors.h"
#include "convmae/ops/compute_threads.h"
#include "convmae/ops/cpu_features.h"
#include "convmae/ops/device.h"
#include "convmae/ops/kernel_choice.h"
#include "convmae/ops/precision.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/ops/empty_like.h>

namespace convmae {

void resolve_compute(ComputeOptions& options) {
  const c10::Device device = parse_device(options.device);
  const c10::ScalarType type = parse_precision(options.precision, device);
  if (options.device == "auto") options.device = device.is_cpu() ? "cpu" : "cuda";
  options.precision = precision_name(type);
  if (options.threads == 0) options.threads = usable_cpus();
  if (!device.is_cpu()) options.gemm = to_string(GemmBackend::aten);
  if (options.gemm == "auto") options.gemm = to_string(default_gemm_backend(type));
}

void validate_compute(const ComputeOptions& options) {
  parse_precision(options.precision, parse_device(options.device));
  if (options.gemm != "auto") parse_gemm_backend(options.gemm);
  parse_kernel_choice(options.kernel);
}

Compute start_compute(const ComputeOptions& options, ProcessGroup* group) {
  Compute compute;
  compute.device = parse_device(options.device, group == nullptr ? 0 : group->launch().local_rank);
  compute.type = parse_precision(options.precision, compute.device);
  compute.group = group;
  if (options.gemm != "auto") {
    compute.gemm = GemmPolicy(parse_gemm_backend(options.gemm), compute.type);
  }
  choose_kernels(parse_kernel_choice(options.kernel));
  use_device(compute.device);
  if (group != nullptr) group->compute_on(compute.device, num_gpus());
  use_compute_threads(options.threads);
  compute.threads = at::get_num_threads();
  return compute;
}

namespace {

/// Of the meta device, which Module::to does not know: what is left of its tensors are shapes.
void forget_numbers(torch::nn::Module& model) {
  for (const auto& [name, tensor] : named_tensors(model)) {
    const at::Tensor shape = at::empty_like(tensor, at::device(at::kMeta));
    tensor.unsafeGetTensorImpl()->shallow_copy_from(shape.getIntrusivePtr());
  }
}

}  // namespace

torch::nn::Module& place(torch::nn::Module& model, const Compute& compute) {
  if (compute.device.is_meta()) {
    forget_numbers(model);
  } else {
    model.to(compute.device);
  }
  set_gemm_policy(model, compute.gemm);
  set_process_group(model, compute.group);
  return model;
}

std::vector<std::pair<std::string, std::string>> describe(const Compute& compute) {
  return {
      {"device", compute.device.str()},
      {"cpu", describe_cpu()},
      {"cpu_kernels", to_string(cpu_kernel_level())},
      {"aten_cpu_capability", at::get_cpu_capability()},
      {"threads", std::to_string(at::get_num_threads())},
  };
}

}  // namespace convmae
