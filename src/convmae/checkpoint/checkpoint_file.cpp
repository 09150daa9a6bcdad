#include "convmae/checkpoint/checkpoint_file.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/element_type.h"
#include "convmae/io/sha256.h"
#include "convmae/io/value_json.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cassert>
#include <map>
#include <memory>
#include <span>

namespace convmae {
namespace {

constexpr const char* kKindKey = "convmae.kind";
constexpr const char* kModelKey = "convmae.model";
constexpr const char* kPreprocessingKey = "convmae.preprocessing";
constexpr const char* kProvenanceKey = "convmae.provenance";
constexpr const char* kTaskKey = "convmae.task";
constexpr const char* kDigestKey = "convmae.digest";

const char* name_of(CheckpointKind kind) {
  return kind == CheckpointKind::training ? "training" : "weights";
}

std::span<const std::byte> bytes_of(const at::Tensor& contiguous) {
  return {static_cast<const std::byte*>(contiguous.const_data_ptr()), contiguous.nbytes()};
}

/// Hashes metadata (without the digest itself) and tensors, independent of their order in memory.
class Digest {
 public:
  explicit Digest(const std::map<std::string, std::string>& metadata) {
    for (const auto& [key, value] : metadata) {
      if (key != kDigestKey) lines_.emplace_back(key).append("=").append(value);
    }
  }
  void add(const std::string& name, std::span<const std::byte> data) {
    lines_.push_back(name + ':' + sha256(data));
  }
  std::string text() {
    std::ranges::sort(lines_);
    std::string all;
    for (const std::string& line : lines_) all += line + '\n';
    return "sha256:" + sha256(std::as_bytes(std::span(all)));
  }

 private:
  std::vector<std::string> lines_;
};

[[noreturn]] void throw_damaged(const std::filesystem::path& path, const std::string& reason) {
  throw UserError(quote(path.string()) + " is damaged (" + reason +
                  "): use another checkpoint of the run");
}

/// A tensor in a file of any kind.
struct StoredTensor {
  const std::filesystem::path& file;
  const std::string& name;
  DType dtype;
  const std::vector<std::int64_t>& shape;
  std::function<void(std::span<std::byte>)> read;  ///< fetches the elements in row-major order
};

void read_stored(const StoredTensor& stored, const at::Tensor& target) {
  if (at::IntArrayRef(stored.shape) != target.sizes()) {
    refuse_shape(stored.file, stored.name, stored.shape, target.sizes());
  }
  const at::ScalarType type = scalar_type_of(stored.dtype);
  if (!weight_dtype_of(type)) {
    throw UserError("tensor " + quote(stored.name) + " of " + quote(stored.file.string()) +
                    " has the element type " + std::string(torch_name(stored.dtype)) +
                    ", expected float32, float64, float16 or bfloat16: convert it first");
  }
  const at::NoGradGuard no_grad;
  if (target.is_cpu() && target.is_contiguous() && target.scalar_type() == type) {
    stored.read({static_cast<std::byte*>(target.mutable_data_ptr()), target.nbytes()});
    // Else nobody learns of the change who keeps something by the version: copies of weights in
    // bfloat16 (operand.h), graphs of older steps.
    target.unsafeGetTensorImpl()->bump_version();
    return;
  }
  const at::Tensor host = at::empty(target.sizes(), at::TensorOptions().dtype(type));
  stored.read({static_cast<std::byte*>(host.mutable_data_ptr()), host.nbytes()});
  target.copy_(host);
}

}  // namespace

std::optional<CheckpointKind> checkpoint_kind(const SafetensorsFile& file) {
  const auto found = file.metadata().find(kKindKey);
  if (found == file.metadata().end()) return std::nullopt;
  for (const CheckpointKind kind : {CheckpointKind::training, CheckpointKind::weights}) {
    if (found->second == name_of(kind)) return kind;
  }
  return std::nullopt;
}

std::map<std::string, std::string> description(const CheckpointInfo& info) {
  std::map<std::string, std::string> entries{
      {kModelKey, to_json(info.model)},
      {kPreprocessingKey, json_text(to_json(info.preprocessing))},
      {kProvenanceKey, json_text(info.provenance)}};
  if (!info.task.is_null()) {
    entries[kTaskKey] = json_text(info.task);
  }
  return entries;
}

std::optional<CheckpointInfo> described_model(const std::map<std::string, std::string>& metadata) {
  for (const char* const key : {kModelKey, kPreprocessingKey, kProvenanceKey}) {
    if (!metadata.contains(key)) return std::nullopt;
    if (!is_modest_json(metadata.at(key))) {
      throw UserError("its description " + quote(key) +
                      " is not JSON of an ordinary size: use another file");
    }
  }
  const nlohmann::ordered_json provenance = parse_shallow_json(metadata.at(kProvenanceKey));
  CheckpointInfo info{model_config_from_json(metadata.at(kModelKey)),
                      preprocessing_from_json(parse_shallow_json(metadata.at(kPreprocessingKey))),
                      provenance.is_discarded() ? nlohmann::ordered_json() : provenance,
                      metadata.contains(kTaskKey) ? parse_shallow_json(metadata.at(kTaskKey))
                                                  : nlohmann::ordered_json()};
  // Whoever reads on may rely on the lengths of its lists and on what fits into 64 bits.
  validate(info.model.encoder);
  validate(info.preprocessing, info.model.encoder.in_chans, info.model.encoder.img_size);
  return info;
}

void write_checkpoint(const std::filesystem::path& path, CheckpointKind kind,
                      const NamedTensors& tensors, const CheckpointInfo& info,
                      const nlohmann::ordered_json& trainer) {
  std::map<std::string, std::string> metadata = description(info);
  metadata["format"] = "pt";
  metadata[kKindKey] = name_of(kind);
  if (kind == CheckpointKind::training) metadata[kTrainerKey] = json_text(trainer);

  nlohmann::ordered_json order = nlohmann::ordered_json::array();
  for (const auto& [name, tensor] : tensors) {
    if (!name.starts_with("optimizer.")) order.push_back(name);
  }
  metadata[kOrderKey] = json_text(order);

  Digest digest(metadata);
  std::vector<TensorSource> sources;
  // One tensor at a time is brought to the host and made contiguous.
  const auto buffer = std::make_shared<at::Tensor>();
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor host = tensor.detach().cpu().contiguous();
    digest.add(name, bytes_of(host));
    const std::optional<DType> dtype = weight_dtype_of(tensor.scalar_type());
    TORCH_CHECK(dtype.has_value(), "no file type for ", name, " of type ", tensor.scalar_type());
    sources.push_back({name, *dtype, tensor.sizes().vec(), [buffer, tensor = tensor] {
                         *buffer = tensor.detach().cpu().contiguous();
                         return bytes_of(*buffer);
                       }});
  }
  metadata[kDigestKey] = digest.text();
  write_safetensors(path, sources, metadata);
}

CheckpointFile::CheckpointFile(const std::filesystem::path& path) : file_(path) {
  const std::map<std::string, std::string>& metadata = file_.metadata();
  const std::optional<CheckpointKind> kind = checkpoint_kind(file_);
  if (!kind || !metadata.contains(kDigestKey)) {
    throw UserError(quote(path.string()) +
                    " was not written by convmae: start a run from its weights with --init");
  }
  kind_ = *kind;
  Digest digest(metadata);
  for (const TensorView& tensor : file_.tensors()) digest.add(tensor.name, tensor.data);
  if (digest.text() != metadata.at(kDigestKey)) {
    throw_damaged(path, "its content does not have the digest that was written with it");
  }
  std::optional<CheckpointInfo> info;
  try {
    info = described_model(metadata);
    if (kind_ == CheckpointKind::training) {
      trainer_ = parse_shallow_json(metadata.at(kTrainerKey));
      if (trainer_.is_discarded()) throw_damaged(path, "its training state is not modest JSON");
    }
  } catch (const UserError& error) {
    throw_damaged(path, error.what());
  } catch (const nlohmann::json::exception& error) {
    throw_damaged(path, brief(error.what()));
  } catch (const std::out_of_range&) {
    throw_damaged(path, "a part of its metadata is missing");
  }
  if (!info) throw_damaged(path, "it does not describe its model");
  info_ = std::move(*info);
}

void CheckpointFile::read(const std::string& name, const at::Tensor& target) const {
  const TensorView& tensor = file_.at(name);
  read_stored({file_.path(), tensor.name, tensor.dtype, tensor.shape,
               [&](std::span<std::byte> out) { file_.read(tensor, out); }},
              target);
}

void read_tensor(const WeightFile& file, const Weight& weight, const at::Tensor& target) {
  read_stored({file.path(), weight.name, weight.tensor.dtype, weight.tensor.shape,
               [&](std::span<std::byte> out) { file.read(weight, out); }},
              target);
}

at::Tensor read_tensor(const WeightFile& file, const Weight& weight) {
  at::Tensor value = at::empty(weight.tensor.shape, at::kFloat);
  read_tensor(file, weight, value);
  return value;
}

void refuse_shape(const std::filesystem::path& file, const std::string& name, at::IntArrayRef shape,
                  at::IntArrayRef needed) {
  throw UserError("tensor " + quote(name) + " of " + quote(file.string()) + " has the shape " +
                  shape_text(shape) + ", but the model needs " + shape_text(needed) +
                  ": choose the model that the file was made for");
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

}  // namespace convmae
