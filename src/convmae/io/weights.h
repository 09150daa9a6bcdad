#pragma once

#include "convmae/io/pth/pth.h"
#include "convmae/io/safetensors/safetensors.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace convmae {

enum class WeightFileKind { pth_zip, pth_legacy, safetensors };

/// "PyTorch checkpoint (ZIP)" and the like, for people.
std::string_view describe(WeightFileKind kind);

struct Weight {
  /// Without the prefixes that wrappers add.
  std::string name;
  /// Of a weight in parts only type and shape, with no storage behind them.
  StridedTensor tensor;
  /// Tensors of equal type and shape that follow each other along the first dimension; none if the
  /// file has the weight as one tensor.
  std::vector<StridedTensor> parts = {};
};

/// The names that weights of Hugging Face's ViTMAE get.
enum class WeightNames {
  published,  ///< as MAE's authors named them, query, key and value joined
  stored,     ///< their own
};

/// A flat view of the weights in a file of any kind that the program reads, told apart by their
/// first bytes. Nothing is loaded but names and shapes; `read` fetches one tensor.
///
/// In a `.pth` file the weights are the tensors of the first of these entries that contains any:
/// `model`, `state_dict`, `model_state_dict`, `module`, then averages and the networks of
/// self-distillation (`model_ema`, `state_dict_ema`, `ema`, `teacher`, `student`), then `encoder`,
/// `target_encoder` and `backbone`, which may lie in each other; else those at the top. A
/// safetensors file has its weights at the top; tensors whose name begins with "optimizer." are not
/// weights. Then the prefixes "module." (DistributedDataParallel),
/// "_orig_mod." (torch.compile) and "model." are taken off for as long as all names begin with one.
/// Weights of Hugging Face's ViTMAE get published names (vitmae_names.h), unless stored ones are
/// asked for.
class WeightFile {
 public:
  /// Throws UserError if the file is of another kind or its content is not as it must be; a file
  /// without weights is no error here.
  explicit WeightFile(const std::filesystem::path& path,
                      WeightNames names = WeightNames::published);

  WeightFileKind kind() const { return kind_; }
  const std::filesystem::path& path() const { return mapping().path(); }
  /// Bytes of the file.
  std::size_t size() const { return mapping().bytes().size(); }

  /// In the order of the file.
  const std::vector<Weight>& weights() const { return weights_; }
  /// Null if there is none of that name.
  const Weight* find(std::string_view name) const;
  /// Where the weights are: "model", "state_dict/model", empty for the top.
  const std::string& location() const { return location_; }
  /// An entry of a `.pth` file with tensors that are neither weights nor an optimizer's.
  struct Other {
    std::string name;          ///< with the way to it: "model_ema", "state_dict/teacher"
    std::int64_t tensors = 0;  ///< in it at any depth
  };
  const std::vector<Other>& others() const { return others_; }
  /// What was taken off the names: "module.", mostly empty.
  const std::string& stripped_prefix() const { return stripped_prefix_; }
  /// Whether published names stand for those of Hugging Face's ViTMAE.
  bool is_vitmae() const { return is_vitmae_; }

  /// Fetches the elements in row-major order; `out` has `weight.tensor.bytes()` bytes. Booleans are
  /// checked to be 0 or 1. Throws UserError if the file has become shorter meanwhile.
  void read(const Weight& weight, std::span<std::byte> out) const;

  /// The entry `epoch` (or `iteration`) of a `.pth` file.
  std::optional<std::int64_t> epoch() const;
  /// The training arguments of a `.pth` file, a dict or Namespace; null if there are none.
  const Value* arguments() const;
  /// The optimizer's state_dict in a `.pth` file; null if there is none.
  const Value* optimizer() const;
  /// Whether the file has the state of an optimizer, of either kind.
  bool has_optimizer() const { return optimizer() != nullptr || optimizer_tensors_ > 0; }
  /// The metadata of a safetensors file; empty for others.
  const std::map<std::string, std::string>& metadata() const;

  /// The whole content, where the kind is known; null for the other kind.
  PthFile* pth() { return std::get_if<PthFile>(&file_); }
  const PthFile* pth() const { return std::get_if<PthFile>(&file_); }
  const SafetensorsFile* safetensors() const { return std::get_if<SafetensorsFile>(&file_); }

 private:
  using File = std::variant<PthFile, SafetensorsFile>;
  static File open(const std::filesystem::path& path);

  const MappedFile& mapping() const;
  const Value* entry(std::string_view name) const;
  void list_pth(const PthFile& file);
  void list_others(const std::vector<const Dict*>& way, const std::vector<std::string_view>& names);
  void list_safetensors(const SafetensorsFile& file);
  void strip_prefixes();
  void take_published_names();

  File file_;
  WeightFileKind kind_ = WeightFileKind::safetensors;
  std::vector<Weight> weights_;
  std::map<std::string_view, std::size_t> index_;
  std::string location_;
  std::vector<Other> others_;
  std::string stripped_prefix_;
  bool is_vitmae_ = false;
  std::size_t optimizer_tensors_ = 0;
};

}  // namespace convmae
