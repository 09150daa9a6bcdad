#include "convmae/base/error.h"
#include "convmae/model/encoder/layers.h"

#include <ATen/ATen.h>

#include "golden/replay/model_config.h"
#include "golden/replay/replays.h"

namespace convmae::golden {
namespace {

/// A list, or one number where the reference has only one.
template <typename T>
std::vector<T> list(const Json& config, const char* key, std::vector<T> otherwise) {
  const auto found = config.find(key);
  if (found == config.end()) return otherwise;
  if (found->is_array()) return found->get<std::vector<T>>();
  return {found->get<T>()};
}

void load_parameters(const GoldenFile& file, torch::nn::Module& model) {
  set_gemm_policy(model, file.gemm());
  model.to(file.device());
  const at::NoGradGuard no_grad;
  for (const auto& parameter : model.named_parameters()) {
    const at::Tensor value = file.at("param." + parameter.key());
    if (value.sizes() != parameter.value().sizes()) {
      throw UserError(file.path().string() + ": param." + parameter.key() +
                      " does not have the shape that the config implies");
    }
    parameter.value().copy_(value);
  }
}

Method method_of(const GoldenFile& file) {
  const std::string kind = file.config().value("case", file.path().stem().string());
  if (kind.starts_with("mae")) return Method::mae;
  return kind.starts_with("fastconvmae") ? Method::fastconvmae : Method::convmae;
}

}  // namespace

ModelConfig model_config(const GoldenFile& file) {
  const Json& json = file.config();
  ModelConfig config;
  config.method = method_of(file);
  config.encoder.kind = encoder_kind(config.method);
  const auto size = list<std::int64_t>(json, "img_size", {224});
  config.encoder.img_size = {size.front(), size.back()};
  config.encoder.in_chans = json.value("in_chans", config.encoder.in_chans);
  config.encoder.patch_size = list(json, "patch_size", config.encoder.patch_size);
  config.encoder.embed_dim = list(json, "embed_dim", config.encoder.embed_dim);
  config.encoder.depth = list(json, "depth", config.encoder.depth);
  config.encoder.mlp_ratio = list(json, "mlp_ratio", config.encoder.mlp_ratio);
  config.encoder.kernel_size = config.method == Method::mae
                                   ? std::vector<std::int64_t>{}
                                   : list(json, "kernel_size", config.encoder.kernel_size);
  config.encoder.num_heads = json.value("num_heads", config.encoder.num_heads);
  config.decoder.embed_dim = json.value("decoder_embed_dim", config.decoder.embed_dim);
  config.decoder.depth = json.value("decoder_depth", config.decoder.depth);
  config.decoder.num_heads = json.value("decoder_num_heads", config.decoder.num_heads);
  config.masking.ratio = json.value("mask_ratio", config.masking.ratio);
  config.masking.groups = json.value("groups", config.masking.groups);
  config.encoder.masked_conv = json.value("masked_conv", true);
  config.encoder.fusion = json.value("fusion", true);
  if (!json.value("use_pos_embed", true)) config.encoder.position = PositionEncoding::none;
  config.decoder.use_pos_embed = json.value("use_decoder_pos_embed", true);
  return config;
}

std::shared_ptr<PretrainModel> load_pretrain_model(const GoldenFile& file, bool norm_pix_loss) {
  ModelConfig config = model_config(file);
  config.decoder.norm_pix_loss = norm_pix_loss;
  auto model = make_pretrain_model(config);
  load_parameters(file, *model);
  return model;
}

std::shared_ptr<Classifier> load_classifier(const GoldenFile& file, ClassifierHead head) {
  const Json& json = file.config();
  ClassifierConfig config;
  config.encoder = model_config(file).encoder;
  config.pool = json.value("global_pool", true) ? Pool::mean : Pool::token;
  config.head = head;
  config.num_classes = json.at("num_classes").get<std::int64_t>();
  auto classifier = std::make_shared<Classifier>(config);
  load_parameters(file, *classifier);
  return classifier;
}

}  // namespace convmae::golden
