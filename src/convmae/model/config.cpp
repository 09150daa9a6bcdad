#include "convmae/model/config.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/model/masking/visibility.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace convmae {
namespace {

using Lengths = std::vector<std::int64_t>;

/// The sizes of one named model for one family.
struct Preset {
  const char* name;
  Lengths embed_dim;
  Lengths depth;
  std::vector<double> mlp_ratio;
  std::int64_t num_heads;
  std::int64_t decoder_embed_dim;
  std::int64_t decoder_depth;
  std::int64_t decoder_num_heads;
  std::int64_t vit_patch;  ///< patch side; only the ViT family reads it
};

// base is the published code's; small, large and huge are the sizes that circulate with the
// published weights (docs/method.md); tiny and nano are ours, for CPUs.
const std::array<Preset, 6>& conv_presets() {
  static const std::array<Preset, 6> presets{{
      {"nano", {48, 96, 192}, {1, 1, 4}, {4, 4, 4}, 6, 128, 2, 4, 0},
      {"tiny", {64, 128, 256}, {2, 2, 6}, {4, 4, 4}, 8, 192, 4, 6, 0},
      {"small", {128, 256, 384}, {2, 2, 11}, {4, 4, 4}, 6, 512, 8, 16, 0},
      {"base", {256, 384, 768}, {2, 2, 11}, {4, 4, 4}, 12, 512, 8, 16, 0},
      {"large", {384, 768, 1024}, {2, 2, 23}, {8, 8, 4}, 16, 512, 8, 16, 0},
      {"huge", {768, 1024, 1280}, {2, 2, 31}, {8, 8, 4}, 16, 512, 8, 16, 0},
  }};
  return presets;
}

// base, large and huge are published (arXiv 2111.06377); small is DeiT-S, tiny and nano are ours.
const std::array<Preset, 6>& vit_presets() {
  static const std::array<Preset, 6> presets{{
      {"nano", {192}, {6}, {4}, 6, 128, 2, 4, 16},
      {"tiny", {256}, {10}, {4}, 8, 192, 4, 6, 16},
      {"small", {384}, {12}, {4}, 6, 512, 8, 16, 16},
      {"base", {768}, {12}, {4}, 12, 512, 8, 16, 16},
      {"large", {1024}, {24}, {4}, 16, 512, 8, 16, 16},
      {"huge", {1280}, {32}, {4}, 16, 512, 8, 16, 14},
  }};
  return presets;
}

void expect(bool holds, const std::string& message) {
  if (!holds) throw UserError(message);
}

// Far beyond every model that was ever trained, and small enough that a few of them can be
// multiplied, and that a list of layers is short.
constexpr std::int64_t kWidest = std::int64_t{1} << 20;
constexpr std::int64_t kDeepest = 10'000;
/// Of an image, all channels counted: 256 MiB in float32.
constexpr std::int64_t kMostValues = std::int64_t{1} << 26;
/// Tokens that the decoder works on at a time.
constexpr std::int64_t kMostTokens = std::int64_t{1} << 22;

void expect_at_most(std::int64_t value, std::int64_t most, const char* name) {
  expect(value <= most, std::string(name) + " must be " + std::to_string(most) +
                            " or less, found " + std::to_string(value));
}

void expect_between(std::int64_t value, std::int64_t most, const char* name) {
  expect(value >= 1, std::string(name) + " must be 1 or more, found " + std::to_string(value));
  expect_at_most(value, most, name);
}

template <typename T>
void expect_positive_list(const std::vector<T>& values, std::size_t length, const char* name,
                          T least) {
  expect(values.size() == length, std::string(name) + " takes " + std::to_string(length) +
                                      (length == 1 ? " number" : " numbers, one a stage") +
                                      ", found " + std::to_string(values.size()));
  for (const T value : values) {
    expect(value >= least, std::string(name) + ": " + std::to_string(value) + " is too small");
  }
}

void expect_list_at_most(const std::vector<std::int64_t>& values, std::int64_t most,
                         const char* name) {
  for (const std::int64_t value : values) expect_at_most(value, most, name);
}

/// The hidden width of the MLPs in `depth` blocks of that width.
void expect_hidden(std::int64_t dim, double mlp_ratio, std::int64_t depth) {
  const double hidden = static_cast<double>(dim) * mlp_ratio;
  const bool fits = hidden <= static_cast<double>(kWidest) && (depth == 0 || hidden >= 1);
  expect(fits, "mlp_ratio " + std::to_string(mlp_ratio) + " makes no hidden width between 1 and " +
                   std::to_string(kWidest) + " of a width of " + std::to_string(dim));
}

void expect_heads(std::int64_t dim, std::int64_t heads, const char* dim_name,
                  const char* heads_name) {
  expect_between(heads, kWidest, heads_name);
  expect(dim % heads == 0, std::string(dim_name) + " " + std::to_string(dim) +
                               " cannot be split into " + std::to_string(heads) + " heads (" +
                               heads_name + ")");
}

void validate_masking(const MaskingConfig& config, Method method, std::int64_t length) {
  if (method == Method::fastconvmae) {
    expect(config.groups >= 2 && config.groups <= length,
           "groups must be between 2 and the " + std::to_string(length) +
               " blocks of an image, found " + std::to_string(config.groups));
    expect(config.groups <= kMostTokens / length,
           "groups " + std::to_string(config.groups) + " of images with " + std::to_string(length) +
               " blocks make over " + std::to_string(kMostTokens) +
               " tokens: choose fewer groups or smaller images");
    return;
  }
  const std::string ratio = std::to_string(config.ratio);
  expect(config.ratio > 0 && config.ratio < 1,
         "mask_ratio is the removed share and must lie between 0 and 1, found " + ratio);
  const std::int64_t kept = num_kept(length, config.ratio);
  expect(kept >= 1, "mask_ratio " + ratio + " keeps none of the " + std::to_string(length) +
                        " blocks of an image: choose a smaller one or larger images");
  expect(kept < length, "mask_ratio " + ratio + " removes none of the " + std::to_string(length) +
                            " blocks of an image: choose a larger one");
}

}  // namespace

std::vector<std::string> model_preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : conv_presets()) names.emplace_back(preset.name);
  return names;
}

ModelConfig model_preset(const std::string& name, Method method) {
  const auto& presets = method == Method::mae ? vit_presets() : conv_presets();
  const auto* const found = std::find_if(presets.begin(), presets.end(),
                                         [&](const Preset& preset) { return name == preset.name; });
  if (found == presets.end()) {
    std::string names;
    for (const std::string& known : model_preset_names()) {
      names += (names.empty() ? "" : ", ") + known;
    }
    throw UserError("no model is named " + quote(name) + ": choose one of " + names);
  }
  ModelConfig config;
  config.method = method;
  EncoderConfig& encoder = config.encoder;
  encoder.kind = encoder_kind(method);
  encoder.embed_dim = found->embed_dim;
  encoder.depth = found->depth;
  encoder.mlp_ratio = found->mlp_ratio;
  encoder.num_heads = found->num_heads;
  config.decoder.embed_dim = found->decoder_embed_dim;
  config.decoder.depth = found->decoder_depth;
  config.decoder.num_heads = found->decoder_num_heads;
  if (encoder.kind == EncoderKind::vit) {
    encoder.patch_size = {found->vit_patch};
    encoder.kernel_size.clear();
  }
  return config;
}

Geometry geometry_of(const EncoderConfig& config) {
  const auto& p = config.patch_size;
  if (config.kind == EncoderKind::vit) return {config.img_size, {p.at(0), 1, 1}};
  return {config.img_size, {p.at(0), p.at(1), p.at(2)}};
}

std::optional<Size> image_of(Size grid, const std::vector<std::int64_t>& strides) {
  std::optional<std::int64_t> height = grid.height;
  std::optional<std::int64_t> width = grid.width;
  for (const std::int64_t stride : strides) {
    if (height) height = checked_multiply(*height, stride);
    if (width) width = checked_multiply(*width, stride);
  }
  return height && width ? std::optional(Size{*height, *width}) : std::nullopt;
}

EncoderKind encoder_kind(Method method) {
  return method == Method::mae ? EncoderKind::vit : EncoderKind::conv_vit;
}

void validate(const EncoderConfig& config) {
  const bool vit = config.kind == EncoderKind::vit;
  const std::size_t stages = vit ? 1 : 3;
  expect_positive_list<std::int64_t>(config.patch_size, stages, "patch_size", 1);
  expect_positive_list<std::int64_t>(config.embed_dim, stages, "embed_dim", 1);
  expect_positive_list<std::int64_t>(config.depth, stages, "depth", 0);
  expect_positive_list<double>(config.mlp_ratio, stages, "mlp_ratio", 0);
  expect_positive_list<std::int64_t>(config.kernel_size, vit ? 0 : 2, "kernel_size", 1);
  for (const std::int64_t kernel : config.kernel_size) {
    expect(kernel % 2 == 1 && kernel <= 15,
           "kernel_size must be odd and at most 15, found " + std::to_string(kernel));
  }
  expect_between(config.in_chans, kMostValues, "in_chans");
  expect_list_at_most(config.embed_dim, kWidest, "embed_dim");
  expect_list_at_most(config.depth, kDeepest, "depth");
  for (std::size_t stage = 0; stage < stages; ++stage) {
    expect_hidden(config.embed_dim[stage], config.mlp_ratio[stage], config.depth[stage]);
  }
  expect_heads(config.embed_dim.back(), config.num_heads, "embed_dim", "num_heads");
  expect(!vit || config.position != PositionEncoding::relative,
         "position relative is not for mae, whose class token has no place in a grid: choose "
         "sincos or none");
  const Size image = geometry_of(config).image();
  const std::optional<std::int64_t> values =
      checked_product({image.height, image.width, config.in_chans});
  expect(values && *values <= kMostValues, "an image of " + size_text(image) + " pixels and " +
                                               std::to_string(config.in_chans) +
                                               " channels has over " + std::to_string(kMostValues) +
                                               " numbers: choose a smaller one");
}

void validate(const ModelConfig& config) {
  const EncoderConfig& encoder = config.encoder;
  const DecoderConfig& decoder = config.decoder;
  expect(encoder.kind == encoder_kind(config.method),
         to_string(config.method) + " does not pretrain an encoder of this kind");
  validate(encoder);
  expect_between(decoder.embed_dim, kWidest, "decoder_embed_dim");
  expect_heads(decoder.embed_dim, decoder.num_heads, "decoder_embed_dim", "decoder_num_heads");
  expect(decoder.depth >= 0, "decoder_depth must not be negative");
  expect_at_most(decoder.depth, kDeepest, "decoder_depth");
  expect_hidden(decoder.embed_dim, encoder.mlp_ratio[0], decoder.depth);
  expect(encoder.position != PositionEncoding::sincos || encoder.embed_dim.back() % 4 == 0,
         "the position table needs an embed_dim of the last stage that is a multiple of 4, found " +
             std::to_string(encoder.embed_dim.back()));
  expect(!decoder.use_pos_embed || decoder.embed_dim % 4 == 0,
         "the position table needs a decoder_embed_dim that is a multiple of 4, found " +
             std::to_string(decoder.embed_dim));
  const MaskUnit unit = config.masking.unit;
  expect(unit == MaskUnit::block || config.method == Method::convmae,
         "position-wise masking is an ablation of convmae alone");

  const Geometry geometry = geometry_of(encoder);
  const std::int64_t units = unit == MaskUnit::position ? geometry.cells(1) : 1;
  validate_masking(config.masking, config.method, geometry.num_blocks() * units);
}

Method parse_method(const std::string& name) {
  for (const Method method : {Method::convmae, Method::fastconvmae, Method::mae}) {
    if (name == to_string(method)) return method;
  }
  throw UserError("no method is named " + quote(name) + ": choose convmae, fastconvmae or mae");
}

std::string to_string(Method method) {
  switch (method) {
    case Method::convmae:
      return "convmae";
    case Method::fastconvmae:
      return "fastconvmae";
    case Method::mae:
      return "mae";
  }
  return "";
}

MaskUnit parse_mask_unit(const std::string& name) {
  for (const MaskUnit unit : {MaskUnit::block, MaskUnit::position}) {
    if (name == to_string(unit)) return unit;
  }
  throw UserError("no mask unit is named " + quote(name) + ": choose block or position");
}

std::string to_string(MaskUnit unit) { return unit == MaskUnit::block ? "block" : "position"; }

PositionEncoding parse_position_encoding(const std::string& name) {
  for (const PositionEncoding position :
       {PositionEncoding::sincos, PositionEncoding::relative, PositionEncoding::none}) {
    if (name == to_string(position)) return position;
  }
  throw UserError("no position encoding is named " + quote(name) +
                  ": choose sincos, relative or none");
}

std::string to_string(PositionEncoding position) {
  switch (position) {
    case PositionEncoding::sincos:
      return "sincos";
    case PositionEncoding::relative:
      return "relative";
    case PositionEncoding::none:
      return "none";
  }
  return "";
}

}  // namespace convmae
