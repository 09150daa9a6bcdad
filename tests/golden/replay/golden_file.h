#pragma once

#include "convmae/io/safetensors/safetensors.h"
#include "convmae/ops/gemm_policy.h"

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// Golden files: inputs, weights and outputs of the published code, with which `convmae_golden`
/// compares this program number by number. tests/golden/README.md describes their format.
namespace convmae::golden {

using Json = nlohmann::ordered_json;
using Tensors = std::map<std::string, at::Tensor>;

/// What this program computed for one golden file, under the golden names.
struct Replay {
  Tensors tensors;
  /// For kinds that are JSON files: the same structure, with the file's inputs and our results.
  std::optional<Json> numbers;
  /// Where in `numbers` the inputs stand: keys joined by dots, `*` for every index of a list.
  std::vector<std::string> inputs;
};

/// One golden safetensors file.
class GoldenFile {
 public:
  explicit GoldenFile(const std::filesystem::path& path, GemmPolicy gemm = {},
                      c10::Device device = c10::kCPU);

  const std::filesystem::path& path() const { return file_.path(); }
  const Json& config() const { return config_; }
  const std::vector<TensorView>& tensors() const { return file_.tensors(); }
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  /// A copy of the tensor, float32 or uint8, on the device.
  at::Tensor at(const std::string& name) const;
  /// The same in host memory, where masks and choices are made.
  at::Tensor host(const std::string& name) const;
  /// The tensors `PREFIX.NAME`, under NAME.
  Tensors with_prefix(const std::string& prefix) const;
  /// How far the reference's float32 run was from its float64 run; 0 where the file does not say.
  double rounding(const std::string& name) const;
  /// How models are to multiply that are made of the file.
  GemmPolicy gemm() const { return gemm_; }
  /// Where they are to compute.
  c10::Device device() const { return device_; }

 private:
  SafetensorsFile file_;
  Json config_;
  Json rounding_;
  GemmPolicy gemm_;
  c10::Device device_;
};

/// A tensor's own copy of the bytes.
at::Tensor to_tensor(const TensorView& view);

}  // namespace convmae::golden
