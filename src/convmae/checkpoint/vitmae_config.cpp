#include "convmae/checkpoint/vitmae_config.h"

#include "convmae/base/error.h"
#include "convmae/base/json_fields.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/checkpoint/held_tensors.h"
#include "convmae/checkpoint/published_notes.h"
#include "convmae/checkpoint/weight_layout.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/io/value_json.h"
#include "convmae/model/encoder/layers.h"
#include "convmae/model/parameter_shapes.h"

#include <nlohmann/json.hpp>

#include <functional>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kModelType = "vit_mae";
constexpr FileKind kConfiguration{"a model's configuration", std::int64_t{1} << 20};

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// A whole number, or height and width.
bool take_size(const Json& json, Size& size) {
  const Json both = json.is_array() ? json : Json{json, json};
  std::vector<std::int64_t> sides;
  if (!take_json(both, sides) || sides.size() != 2) return false;
  size = {sides[0], sides[1]};
  return true;
}

/// The fields of a configuration, one at a time; what it leaves out stays as it is.
class Fields {
 public:
  Fields(const std::filesystem::path& file, const Json& json) : file_(file), json_(json) {}

  template <typename T>
  void take(const char* name, T& value) const {
    const auto field = json_.find(name);
    if (field != json_.end() && !taken(*field, value)) {
      throw UserError(quote(file_.string()) + " has " + quote(name) + " " +
                      brief(json_text(*field)) +
                      ", which is no such value: use the file that belongs to the weights");
    }
  }

 private:
  static bool taken(const Json& json, Size& size) { return take_size(json, size); }
  template <typename T>
  static bool taken(const Json& json, T& value) {
    return take_json(json, value);
  }

  const std::filesystem::path& file_;
  const Json& json_;
};

ModelConfig model_of(const std::filesystem::path& file, const Json& json) {
  const Fields fields(file, json);
  ModelConfig model = model_preset("base", Method::mae);
  EncoderConfig& encoder = model.encoder;
  std::int64_t hidden = hidden_width(encoder.embed_dim[0], encoder.mlp_ratio[0]);
  std::string activation = "gelu";
  bool biases = true;
  fields.take("hidden_size", encoder.embed_dim[0]);
  fields.take("num_hidden_layers", encoder.depth[0]);
  fields.take("num_attention_heads", encoder.num_heads);
  fields.take("intermediate_size", hidden);
  fields.take("image_size", encoder.img_size);
  fields.take("patch_size", encoder.patch_size[0]);
  fields.take("num_channels", encoder.in_chans);
  fields.take("decoder_hidden_size", model.decoder.embed_dim);
  fields.take("decoder_num_hidden_layers", model.decoder.depth);
  fields.take("decoder_num_attention_heads", model.decoder.num_heads);
  fields.take("mask_ratio", model.masking.ratio);
  fields.take("norm_pix_loss", model.decoder.norm_pix_loss);
  fields.take("hidden_act", activation);
  fields.take("qkv_bias", biases);
  if (activation != "gelu" || !biases) {
    throw UserError(
        quote(file.string()) + " describes a model " +
        (biases ? "with the activation " + quote(activation) : "without biases of qkv") +
        ", which MAE is not: give weights of MAE");
  }
  encoder.mlp_ratio[0] = static_cast<double>(hidden) / static_cast<double>(encoder.embed_dim[0]);
  return model;
}

/// By the file's description, else by its shapes and arguments.
ModelConfig told_model(const WeightFile& file, const Architecture& architecture,
                       bool encoder_only) {
  if (const std::optional<CheckpointInfo> info = described_by_itself(file)) return info->model;
  ModelConfig model;
  if (encoder_only) {
    model = model_preset("base", Method::mae);
    model.encoder = encoder_shapes_of(architecture);
  } else {
    model = pretrain_shapes_of(architecture);
  }
  apply_training_arguments(training_arguments(file), model);
  if (model.encoder.num_heads == 0 || model.decoder.num_heads == 0) {
    throw UserError(
        "its widths belong to no named model, so the number of attention heads is not "
        "known: give a checkpoint of convmae, which says it");
  }
  return model;
}

}  // namespace

std::filesystem::path vitmae_config_path(const std::filesystem::path& weights) {
  return weights.parent_path() / "config.json";
}

std::optional<ModelConfig> vitmae_config_beside(const WeightFile& weights) {
  if (!weights.is_vitmae()) return std::nullopt;
  const std::filesystem::path path = vitmae_config_path(weights.path());
  if (!is_there(path)) return std::nullopt;
  const Json json = parse_shallow_json(read_text_file(path, kConfiguration));
  if (!json.is_object()) {
    throw UserError(quote(path.string()) +
                    ", beside weights of ViTMAE, is no JSON object of an "
                    "ordinary size: use the file that belongs to the weights");
  }
  if (json.value("model_type", Json()) != kModelType) return std::nullopt;
  ModelConfig model = model_of(path, json);
  try {
    validate(model);
  } catch (const UserError& error) {
    throw UserError(quote(path.string()) + " describes its model badly: " + error.what());
  }
  return model;
}

ModelConfig vitmae_model(const WeightFile& file, bool encoder_only) {
  const std::string name = quote(file.path().string());
  const std::optional<Architecture> architecture = architecture_of(file);
  if (!architecture || architecture->encoder != EncoderKind::vit) {
    throw UserError(name +
                    " holds no MAE, which alone the layout vitmae has names for: see "
                    "`convmae inspect`");
  }
  ModelConfig model;
  try {
    model = told_model(file, *architecture, encoder_only);
    validate(model.encoder);
  } catch (const UserError& error) {
    throw UserError("cannot describe the model of " + name + ": " + error.what());
  }
  const Size size = model.encoder.img_size;
  if (size.height != size.width) {
    throw UserError(name + " holds an MAE of images of " + std::to_string(size.height) + "x" +
                    std::to_string(size.width) +
                    ", but ViTMAE has square ones alone: give another one");
  }
  const bool decoder_is_blind = !encoder_only && !model.decoder.use_pos_embed;
  if (model.encoder.position != PositionEncoding::sincos || decoder_is_blind) {
    throw UserError(name +
                    " holds an MAE that does without tables of positions, which ViTMAE "
                    "does not: give another one");
  }
  HeldTensors held(file, architecture->prefix, HeldTensors::Lacking::none);
  if (!encoder_only) {
    for_each_parameter(model, std::ref(held));
    return model;
  }
  for_each_parameter(model.encoder, std::ref(held));
  held({"norm.weight", {model.encoder.embed_dim[0]}});
  held({"norm.bias", {model.encoder.embed_dim[0]}});
  return model;
}

std::string vitmae_config_text(const ModelConfig& model, bool encoder_only) {
  const EncoderConfig& encoder = model.encoder;
  Json json{{"architectures", {encoder_only ? "ViTMAEModel" : "ViTMAEForPreTraining"}},
            {"model_type", kModelType},
            {"hidden_size", encoder.embed_dim[0]},
            {"num_hidden_layers", encoder.depth[0]},
            {"num_attention_heads", encoder.num_heads},
            {"intermediate_size", hidden_width(encoder.embed_dim[0], encoder.mlp_ratio[0])},
            {"hidden_act", "gelu"},
            {"hidden_dropout_prob", 0.0},
            {"attention_probs_dropout_prob", 0.0},
            {"initializer_range", 0.02},
            {"layer_norm_eps", 1e-6},
            {"image_size", encoder.img_size.height},
            {"patch_size", encoder.patch_size[0]},
            {"num_channels", encoder.in_chans},
            {"qkv_bias", true},
            {"mask_ratio", model.masking.ratio},
            {"norm_pix_loss", model.decoder.norm_pix_loss}};
  if (!encoder_only) {
    const DecoderConfig& decoder = model.decoder;
    json["decoder_hidden_size"] = decoder.embed_dim;
    json["decoder_num_hidden_layers"] = decoder.depth;
    json["decoder_num_attention_heads"] = decoder.num_heads;
    json["decoder_intermediate_size"] = hidden_width(decoder.embed_dim, encoder.mlp_ratio[0]);
  }
  return json_text(json, 2) + '\n';
}

void require_vitmae_config_free(const std::filesystem::path& weights, const std::string& text) {
  const std::filesystem::path path = vitmae_config_path(weights);
  if (!is_there(path)) return;
  const Json found = parse_shallow_json(read_text_file(path, kConfiguration));
  const bool vitmae = found.is_object() && found.value("model_type", Json()) == kModelType;
  if (vitmae && (is_there(weights) || found == parse_shallow_json(text))) return;
  throw UserError(quote(path.string()) +
                  ", which the layout vitmae writes beside the weights, is "
                  "there already and describes another model: give " +
                  quote(weights.string()) + " a folder of its own");
}

}  // namespace convmae
