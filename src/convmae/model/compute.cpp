#include "convmae/model/compute.h"

#include "convmae/base/cpus.h"
#include "convmae/model/dense/batch_norm.h"
#include "convmae/model/encoder/layers.h"
#include "convmae/ops/compute_threads.h"
#include "convmae/ops/cpu_features.h"
#include "convmae/ops/precision.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>

namespace convmae {

void resolve_compute(ComputeOptions& options) {
  if (options.threads == 0) options.threads = usable_cpus();
  if (options.gemm == "auto") {
    options.gemm = to_string(default_gemm_backend(parse_precision(options.precision)));
  }
}

void validate_compute(const ComputeOptions& options) {
  parse_precision(options.precision);
  if (options.gemm != "auto") parse_gemm_backend(options.gemm);
}

Compute start_compute(const ComputeOptions& options) {
  Compute compute;
  compute.type = parse_precision(options.precision);
  if (options.gemm != "auto") {
    compute.gemm = GemmPolicy(parse_gemm_backend(options.gemm), compute.type);
  }
  use_compute_threads(options.threads);
  compute.threads = at::get_num_threads();
  return compute;
}

torch::nn::Module& place(torch::nn::Module& model, const Compute& compute) {
  model.to(compute.device);
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
