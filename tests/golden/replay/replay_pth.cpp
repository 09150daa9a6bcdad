#include "golden/replay/replay_pth.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/element_type.h"
#include "convmae/io/pth/pth.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <vector>

namespace convmae::golden {
namespace {

/// The elements in row-major order, as they are.
at::Tensor elements(const MappedFile& file, const StridedTensor& tensor) {
  at::Tensor values =
      at::empty(tensor.shape, at::TensorOptions().dtype(scalar_type_of(tensor.dtype)));
  read_tensor(file, tensor, {static_cast<std::byte*>(values.mutable_data_ptr()), values.nbytes()});
  return values;
}

Json number_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

Json plain_json(const Value& value) {
  if (const auto boolean = value.boolean()) return *boolean;
  if (const auto integer = value.integer()) return *integer;
  if (const auto big = value.get<BigInteger>()) return big->decimal;
  if (const auto text = value.text()) return *text;
  if (const auto scalar = value.get<NumpyScalar*>()) return plain_json((*scalar)->value);
  if (const auto real = value.real()) return number_json(*real);
  if (value.sequence() != nullptr) return Json::array();
  if (value.members() != nullptr) return Json::object();
  return nullptr;
}

Json array_json(const MappedFile& file, const StridedTensor& tensor) {
  Json values = Json::array();
  const at::Tensor flat = elements(file, tensor).to(at::kDouble).flatten();
  for (std::int64_t i = 0; i < flat.size(0); ++i) {
    values.push_back(number_json(flat[i].item<double>()));
  }
  return {{"type", "ndarray"},
          {"dtype", torch_name(tensor.dtype)},
          {"shape", tensor.shape},
          {"value", values}};
}

Json layout_json(const StridedTensor& tensor) {
  return {{"dtype", torch_name(tensor.dtype)}, {"shape", tensor.shape},
          {"stride", tensor.stride},           {"storage_offset", tensor.offset},
          {"storage", tensor.storage_id},      {"requires_grad", tensor.requires_grad}};
}

double error_of(bool equal) { return equal ? 0 : std::numeric_limits<double>::infinity(); }

/// Entries of two objects.
void compare_objects(const Json& golden, const Json& ours, Verdict& verdict) {
  for (const auto& [path, value] : golden.items()) {
    if (!ours.contains(path)) {
      verdict.missing.push_back(path);
    } else {
      // The order of members means nothing.
      verdict.note(error_of(nlohmann::json(value) == nlohmann::json(ours.at(path))), path);
    }
  }
  for (const auto& [path, value] : ours.items()) {
    if (!golden.contains(path)) verdict.extra.push_back(path);
  }
}

}  // namespace

PthReplay replay_pth(const std::filesystem::path& path) {
  const PthFile file(path);
  PthReplay replay;
  for_each_leaf(file.root(), [&](const std::string& name, const Value& value) {
    if (const StridedTensor* const tensor = value.tensor()) {
      replay.tensors[name] = elements(file.file(), *tensor).to(at::kFloat);
      replay.layout[name] = layout_json(*tensor);
    } else if (const auto array = value.get<NumpyArray*>()) {
      replay.leaves[name] = array_json(file.file(), (*array)->tensor);
    } else {
      replay.leaves[name] = {{"type", type_name(value)}, {"value", plain_json(value)}};
    }
  });
  return replay;
}

Verdict compare(const std::filesystem::path& expected, const PthReplay& replay) {
  const SafetensorsFile file(expected);
  Verdict verdict;
  for (const TensorView& view : file.tensors()) {
    const auto ours = replay.tensors.find(view.name);
    if (ours == replay.tensors.end()) {
      verdict.missing.push_back(view.name);
      continue;
    }
    const at::Tensor golden = to_tensor(view);
    const bool equal =
        golden.sizes() == ours->second.sizes() &&
        at::allclose(golden, ours->second, /*rtol=*/0, /*atol=*/0, /*equal_nan=*/true);
    verdict.note(error_of(equal), view.name);
  }
  const auto object = [&file](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? Json::object() : Json::parse(found->second);
  };
  compare_objects(object("layout"), replay.layout, verdict);
  compare_objects(object("leaves"), replay.leaves, verdict);
  return verdict;
}

Verdict check_bad_pth(const std::filesystem::path& path, const Json& entry) {
  std::string message;
  try {
    const PthFile file(path);
  } catch (const UserError& error) {
    message = error.what();
  }
  const bool must_load = entry.value("must", "reject") == "load";
  const bool one_line = message.find('\n') == std::string::npos;
  Verdict verdict;
  verdict.note(error_of(one_line && message.empty() == must_load),
               must_load ? "is read" : "is refused");
  return verdict;
}

}  // namespace convmae::golden
