#include "golden/replay/dense_model.h"

#include "convmae/base/error.h"
#include "convmae/model/encoder/layers.h"

#include <ATen/ATen.h>

namespace convmae::golden {

Size size_of(const Json& json) {
  if (json.is_number()) return {json.get<std::int64_t>(), json.get<std::int64_t>()};
  return {json.at(0).get<std::int64_t>(), json.at(1).get<std::int64_t>()};
}

EncoderConfig encoder_of(const Json& config, const Json& img_size) {
  EncoderConfig encoder;
  encoder.img_size = size_of(img_size);
  config.at("patch_size").get_to(encoder.patch_size);
  config.at("embed_dim").get_to(encoder.embed_dim);
  config.at("depth").get_to(encoder.depth);
  config.at("num_heads").get_to(encoder.num_heads);
  const Json& ratio = config.at("mlp_ratio");
  if (ratio.is_number()) {
    encoder.mlp_ratio.assign(3, ratio.get<double>());
  } else {
    ratio.get_to(encoder.mlp_ratio);
  }
  return encoder;
}

void load_state(const GoldenFile& file, torch::nn::Module& module) {
  set_gemm_policy(module, file.gemm());
  module.to(file.device());
  const at::NoGradGuard no_grad;
  const auto copy = [&](const std::string& name, const at::Tensor& target) {
    const at::Tensor value = file.at(name);
    if (value.sizes() != target.sizes()) {
      throw UserError(file.path().string() + ": " + name +
                      " does not have the shape that the config implies");
    }
    target.copy_(value);
  };
  for (const auto& item : module.named_parameters()) copy("param." + item.key(), item.value());
  for (const auto& item : module.named_buffers()) {
    if (item.value().is_floating_point()) copy("buffer." + item.key(), item.value());
  }
}

}  // namespace convmae::golden
