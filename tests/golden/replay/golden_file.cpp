#include "golden/replay/golden_file.h"

#include "convmae/base/error.h"

#include <ATen/ops/empty.h>

#include <cstring>

namespace convmae::golden {
namespace {

Json parse_metadata(const SafetensorsFile& file, const char* key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return Json::object();
  Json json = Json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    throw UserError(file.path().string() + ": the metadata '" + key + "' is not a JSON object");
  }
  return json;
}

}  // namespace

at::Tensor to_tensor(const TensorView& view) {
  if (view.dtype != DType::f32 && view.dtype != DType::u8) {
    throw UserError("golden tensors are float32 or uint8, found " +
                    std::string(torch_name(view.dtype)) + " in '" + view.name + "'");
  }
  at::Tensor tensor = at::empty(view.shape, view.dtype == DType::f32 ? at::kFloat : at::kByte);
  if (!view.data.empty()) {
    std::memcpy(tensor.mutable_data_ptr(), view.data.data(), view.data.size());
  }
  return tensor;
}

GoldenFile::GoldenFile(const std::filesystem::path& path, GemmPolicy gemm, c10::Device device)
    : file_(path),
      config_(parse_metadata(file_, "config")),
      rounding_(parse_metadata(file_, "dev64")),
      gemm_(gemm),
      device_(device) {}

at::Tensor GoldenFile::at(const std::string& name) const { return host(name).to(device_); }

at::Tensor GoldenFile::host(const std::string& name) const { return to_tensor(file_.at(name)); }

Tensors GoldenFile::with_prefix(const std::string& prefix) const {
  Tensors found;
  const std::string start = prefix + ".";
  for (const TensorView& view : file_.tensors()) {
    if (view.name.starts_with(start)) found[view.name.substr(start.size())] = to_tensor(view);
  }
  return found;
}

double GoldenFile::rounding(const std::string& name) const {
  const auto found = rounding_.find(name);
  return found == rounding_.end() ? 0 : found->at(0).get<double>();
}

}  // namespace convmae::golden
