#include "convmae/model/architecture.h"

#include "convmae/base/error.h"
#include "convmae/model/encoder/position_grid.h"

#include <functional>
#include <map>

namespace convmae {
namespace {

using Shape = std::span<const std::int64_t>;

/// The weights by name, without the prefix of the encoder.
class Names {
 public:
  Names(std::span<const NamedShape> weights, std::string prefix) : prefix_(std::move(prefix)) {
    for (const NamedShape& weight : weights) shapes_.emplace(weight.name, weight.shape);
  }

  const std::string& prefix() const { return prefix_; }
  /// Empty if there is no such weight of that rank without a dimension of zero.
  Shape find(const std::string& name, std::size_t rank) const {
    return find_anywhere(prefix_ + name, rank);
  }
  Shape find_anywhere(const std::string& name, std::size_t rank) const {
    const auto found = shapes_.find(name);
    if (found == shapes_.end() || found->second.size() != rank) return {};
    for (const std::int64_t dimension : found->second) {
      if (dimension < 1) return {};
    }
    return found->second;
  }
  bool has(const std::string& name) const { return shapes_.contains(prefix_ + name); }
  bool has_prefix(const std::string& start) const {
    const auto found = shapes_.lower_bound(start);
    return found != shapes_.end() && found->first.starts_with(start);
  }
  /// Members of a list of blocks, numbered from 0.
  std::int64_t count(const std::string& list) const {
    std::int64_t number = 0;
    while (has(list + "." + std::to_string(number) + ".norm1.weight")) ++number;
    return number;
  }
  double mlp_ratio(const std::string& list, std::int64_t dim) const {
    for (const std::size_t rank : {2, 4}) {
      const Shape shape = find(list + ".0.mlp.fc1.weight", rank);
      if (!shape.empty()) return static_cast<double>(shape[0]) / static_cast<double>(dim);
    }
    return 0;
  }

 private:
  std::string prefix_;
  std::map<std::string_view, Shape, std::less<>> shapes_;
};

/// What stands before the first name that ends with `suffix` as whole components. Of a student and
/// its teacher, whose average is what self-distillation is after, it is the teacher.
std::optional<std::string> prefix_before(std::span<const NamedShape> weights,
                                         std::string_view suffix) {
  std::optional<std::string> student;
  for (const NamedShape& weight : weights) {
    if (!weight.name.ends_with(suffix)) continue;
    const std::string_view prefix = weight.name.substr(0, weight.name.size() - suffix.size());
    if (!prefix.empty() && !prefix.ends_with('.')) continue;
    if (!prefix.starts_with("student.")) return std::string(prefix);
    if (!student) student = prefix;
  }
  return student;
}

/// The convolution of a patch embedding [out, in, k, k].
bool is_patch_embedding(Shape shape) { return !shape.empty() && shape[2] == shape[3]; }

bool read_conv_stages(const Names& names, Architecture& result) {
  for (const char stage : {'1', '2', '3'}) {
    const Shape shape = names.find(std::string("patch_embed") + stage + ".proj.weight", 4);
    if (!is_patch_embedding(shape)) return false;
    if (stage == '1') result.in_chans = shape[1];
    const std::string list = std::string("blocks") + stage;
    result.embed_dim.push_back(shape[0]);
    result.patch_size.push_back(shape[2]);
    result.depth.push_back(names.count(list));
    result.mlp_ratio.push_back(names.mlp_ratio(list, shape[0]));
    if (stage == '3') break;
    const Shape kernel = names.find(list + ".0.attn.weight", 4);
    result.kernel_size.push_back(kernel.empty() ? 0 : kernel[2]);
  }
  result.fusion = names.has("stage1_output_decode.weight");
  return true;
}

bool read_vit(const Names& names, Architecture& result) {
  const Shape shape = names.find("patch_embed.proj.weight", 4);
  if (!is_patch_embedding(shape)) return false;
  result.in_chans = shape[1];
  result.embed_dim = {shape[0]};
  result.patch_size = {shape[2]};
  result.depth = {names.count("blocks")};
  result.mlp_ratio = {names.mlp_ratio("blocks", shape[0])};
  return true;
}

void read_positions(const Names& names, Architecture& result) {
  result.class_token = names.has("cls_token");
  const Shape table = names.find("pos_embed", 3);
  if (!table.empty()) result.positions = table[1] - (result.class_token ? 1 : 0);
  const std::string block = result.encoder == EncoderKind::vit ? "blocks.0." : "blocks3.0.";
  result.layer_scale = names.has(block + "gamma_1");
  const std::string bias_table = "relative_position_bias_table";
  if (const Shape own = names.find(block + "attn." + bias_table, 2); !own.empty()) {
    result.relative_position = "per block";
    result.num_heads = own[1];
    result.distances = own[0];
  }
  for (const char* const shared : {"global_rel_pos_bias.", "rel_pos_bias."}) {
    if (const Shape table_of_all = names.find(shared + bias_table, 2); !table_of_all.empty()) {
      result.relative_position = "shared";
      result.num_heads = table_of_all[1];
    }
  }
  if (const Shape rows = names.find(block + "attn.rel_pos_h", 2); !rows.empty()) {
    result.relative_position = "decomposed";
    result.num_heads = result.embed_dim.back() / rows[1];
  }
}

void read_decoder(const Names& names, Architecture& result) {
  const Shape embed = names.find("decoder_embed.weight", 2);
  if (embed.empty() || !names.has("decoder_pred.weight")) return;
  result.decoder = {embed[0], names.count("decoder_blocks"),
                    names.mlp_ratio("decoder_blocks", embed[0])};
}

std::string classes_of(Shape weight, std::int64_t background) {
  return weight.empty() ? "" : std::to_string(weight[0] - background) + " classes";
}

void read_heads(const Names& names, Architecture& result) {
  const auto add = [&result](const std::string& task, const std::string& details) {
    result.heads.push_back(details.empty() ? task : task + " (" + details + ")");
  };
  if (names.has("head.weight")) {
    add("classification", classes_of(names.find("head.weight", 2), 0));
  } else if (names.has("head.1.weight")) {
    add("linear probe", classes_of(names.find("head.1.weight", 2), 0));
  }
  if (names.has_prefix("decode_head.")) {
    add("segmentation", classes_of(names.find_anywhere("decode_head.conv_seg.weight", 4), 0));
  }
  if (names.has_prefix("auxiliary_head.")) add("auxiliary segmentation", "");
  if (names.has_prefix("roi_heads.")) {
    const bool masks = names.has_prefix("roi_heads.mask_head.");
    // The last class is the background.
    const std::string classes =
        classes_of(names.find_anywhere("roi_heads.box_predictor.cls_score.weight", 2), 1);
    add("detection", std::string(masks ? "Mask R-CNN" : "Faster R-CNN") +
                         (classes.empty() ? "" : ", " + classes));
  }
}

std::string preset_of(const Architecture& architecture) {
  for (const std::string& name : model_preset_names()) {
    const EncoderConfig preset = model_preset(name, architecture.method()).encoder;
    if (preset.embed_dim == architecture.embed_dim && preset.depth == architecture.depth) {
      return name;
    }
  }
  return "";
}

/// The image whose blocks the tables of positions have their rows for, if it is square; nothing if
/// there are none.
std::optional<Size> square_image_of(const Architecture& architecture) {
  const bool relative = architecture.position() == PositionEncoding::relative;
  const auto rows = relative ? architecture.distances : architecture.positions;
  if (!rows) return std::nullopt;
  const std::optional<Size> grid =
      relative ? square_grid_of_distances(*rows) : square_grid_of_places(*rows);
  const std::optional<Size> size = grid ? image_of(*grid, architecture.patch_size) : std::nullopt;
  if (!size) {
    throw UserError("its " + std::to_string(*rows) + (relative ? " relative" : "") +
                    " positions make no square image, and its size is not in the file: give a "
                    "checkpoint of convmae, which says it");
  }
  return size;
}

}  // namespace

PositionEncoding Architecture::position() const {
  const bool relative = encoder == EncoderKind::conv_vit && !positions && distances;
  return relative ? PositionEncoding::relative : PositionEncoding::sincos;
}

std::optional<Architecture> architecture_of(std::span<const NamedShape> weights) {
  Architecture result;
  std::optional<std::string> prefix = prefix_before(weights, "patch_embed1.proj.weight");
  if (!prefix) {
    result.encoder = EncoderKind::vit;
    prefix = prefix_before(weights, "patch_embed.proj.weight");
  }
  if (!prefix) return std::nullopt;
  result.prefix = *prefix;
  const Names names(weights, *prefix);
  const bool known = result.encoder == EncoderKind::vit ? read_vit(names, result)
                                                        : read_conv_stages(names, result);
  if (!known) return std::nullopt;
  read_positions(names, result);
  read_decoder(names, result);
  read_heads(names, result);
  result.preset = preset_of(result);
  return result;
}

EncoderConfig encoder_shapes_of(const Architecture& architecture) {
  const std::optional<Size> image = square_image_of(architecture);
  if (!image) {
    throw UserError("it has no table of positions, which would tell the size of images");
  }
  EncoderConfig config;
  config.kind = architecture.encoder;
  config.in_chans = architecture.in_chans;
  config.patch_size = architecture.patch_size;
  config.embed_dim = architecture.embed_dim;
  config.depth = architecture.depth;
  config.mlp_ratio = architecture.mlp_ratio;
  config.kernel_size = architecture.kernel_size;
  config.fusion = architecture.encoder == EncoderKind::vit || architecture.fusion;
  config.img_size = *image;
  config.position = architecture.position();
  config.num_heads = architecture.num_heads.value_or(0);
  if (config.num_heads > 0) return config;
  for (const std::string& name : model_preset_names()) {
    const EncoderConfig named = model_preset(name, architecture.method()).encoder;
    if (named.embed_dim.back() == config.embed_dim.back()) {
      config.num_heads = named.num_heads;
      break;
    }
  }
  return config;
}

ModelConfig pretrain_shapes_of(const Architecture& architecture) {
  if (!architecture.decoder) {
    throw UserError("an encoder alone cannot fill in blocks: give a checkpoint of pretraining");
  }
  ModelConfig config;
  config.method = architecture.method();
  config.encoder = encoder_shapes_of(architecture);
  config.decoder.embed_dim = architecture.decoder->dim;
  config.decoder.depth = architecture.decoder->depth;
  config.decoder.num_heads = 0;
  for (const std::string& name : model_preset_names()) {
    const ModelConfig named = model_preset(name, config.method);
    if (named.encoder.embed_dim.back() == config.encoder.embed_dim.back() &&
        named.decoder.embed_dim == config.decoder.embed_dim) {
      config.decoder.num_heads = named.decoder.num_heads;
      break;
    }
  }
  return config;
}

ModelConfig pretrain_config_of(const Architecture& architecture) {
  ModelConfig config = pretrain_shapes_of(architecture);
  if (config.encoder.num_heads == 0 || config.decoder.num_heads == 0) {
    throw UserError(
        "its widths belong to no named model, so the number of attention heads is not "
        "known: give a checkpoint of convmae, which says it");
  }
  return config;
}

}  // namespace convmae
