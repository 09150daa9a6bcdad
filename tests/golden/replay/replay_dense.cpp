#include "convmae/model/dense/backbone.h"
#include "convmae/model/dense/pyramids.h"

#include <ATen/ATen.h>

#include "golden/replay/dense_model.h"
#include "golden/replay/replays.h"
#include <functional>
#include <utility>

namespace convmae::golden {
namespace {

using NamedMaps = std::vector<std::pair<std::string, at::Tensor>>;

/// The gradients of sum_k sum(map_k * cotangent_k), and the image's.
void add_gradients(const GoldenFile& file, torch::nn::Module& module, const at::Tensor& images,
                   const NamedMaps& maps, const std::string& cotangent, const std::string& prefix,
                   Tensors& out) {
  at::Tensor loss;
  for (const auto& [name, map] : maps) {
    const at::Tensor term = (map * file.at(std::string(cotangent).append(name))).sum();
    loss = loss.defined() ? loss + term : term;
  }
  module.zero_grad();
  loss.backward();
  out[prefix + ".in.imgs"] = images.grad();
  for (const auto& item : module.named_parameters()) {
    if (const at::Tensor& grad = item.value().grad(); grad.defined()) {
      out[prefix + "." + item.key()] = grad.clone();
    }
  }
}

/// The segmentor's backbone and its fourth level, whose parts bear no common name.
struct SegmentorMaps : torch::nn::Module {
  explicit SegmentorMaps(const BackboneConfig& config)
      : backbone(config), fourth(std::make_shared<FourthLevel>(config.encoder.embed_dim[2])) {
    adopt(*this, backbone);
    register_module("fpn", fourth);
  }

  NamedMaps forward(const at::Tensor& images) {
    std::vector<at::Tensor> maps = backbone.forward(images);
    maps.push_back(fourth->forward(maps[2]));
    NamedMaps named;
    for (std::size_t i = 0; i < maps.size(); ++i) named.emplace_back(std::to_string(i), maps[i]);
    return named;
  }

  Backbone backbone;
  std::shared_ptr<FourthLevel> fourth;
};

/// One mode of the segmentor's backbone.
void add_segmentor_pass(const GoldenFile& file, SegmentorMaps& model, const std::string& mode,
                        Tensors& out) {
  model.train(mode == "train");
  const at::Tensor images = file.at("in.imgs").requires_grad_(true);
  const NamedMaps maps = model.forward(images);
  const std::string prefix = "out_" + mode + ".feature";
  for (const auto& [name, map] : maps) out[prefix + name] = map.detach();
  add_gradients(file, model, images, maps, "in.cotangent", "grad_" + mode, out);
}

}  // namespace

Replay replay_seg_backbone(const GoldenFile& file) {
  const Json& json = file.config();
  BackboneConfig config;
  config.encoder = encoder_of(json, json.at("img_size"));
  config.eps = 1e-5;
  if (json.at("use_rel_pos_bias") == true) config.relative_position = RelativePosition::per_block;
  if (json.at("use_shared_rel_pos_bias") == true) {
    config.relative_position = RelativePosition::shared;
  }
  if (const Json& initial = json.at("init_values"); initial.is_number()) {
    config.layer_scale = initial.get<double>();
  }
  SegmentorMaps model(config);
  load_state(file, model);
  Replay replay;
  add_segmentor_pass(file, model, "eval", replay.tensors);
  add_segmentor_pass(file, model, "train", replay.tensors);
  commit_statistics(model);
  for (const auto& item : model.named_buffers()) {
    if (item.value().is_floating_point()) replay.tensors["out_train." + item.key()] = item.value();
  }
  return replay;
}

namespace {

/// A detector's backbone, its maps, and the levels that a pyramid makes of them.
void add_detector(const GoldenFile& file, torch::nn::Module& model, Backbone& backbone,
                  const std::function<NamedMaps(const std::vector<at::Tensor>&)>& levels_of,
                  Tensors& out) {
  load_state(file, model);
  model.eval();
  const at::Tensor images = file.at("in.imgs").requires_grad_(true);
  const NamedMaps maps = levels_of(backbone.forward(images));
  for (const auto& [name, map] : maps) out["out." + name] = map.detach();
  add_gradients(file, model, images, maps, "in.cotangent.", "grad", out);
}

/// Adds maps whose names are a letter and a number that begins with `first`.
void add_numbered(const std::vector<at::Tensor>& more, char letter, int first, NamedMaps& maps) {
  for (const at::Tensor& map : more) {
    std::string name(1, letter);
    name += std::to_string(first++);
    maps.emplace_back(std::move(name), map);
  }
}

}  // namespace

Replay replay_det_alpha(const GoldenFile& file) {
  const Json& json = file.config();
  BackboneConfig config;
  config.encoder = encoder_of(json, json.at("image"));
  config.relative_position = RelativePosition::global_and_windowed;
  config.window = {json.at("window_size").get<std::int64_t>(), /*padded=*/false};
  json.at("windowed_blocks").get_to(config.windowed_blocks);
  config.train_positions = false;
  const auto backbone = std::make_shared<Backbone>(config);
  const std::vector<std::int64_t>& dim = config.encoder.embed_dim;
  FeaturePyramid model({dim[0], dim[1], dim[2], dim[2]},
                       json.at("out_channels").get<std::int64_t>(), ConvolutionNorm::batch);
  model.register_module("bottom_up", backbone);
  Replay replay;
  add_detector(
      file, model, *backbone,
      [&](std::vector<at::Tensor> maps) {
        maps.push_back(at::max_pool2d(maps[2], /*kernel_size=*/2));
        NamedMaps named;
        add_numbered(maps, 's', 0, named);
        add_numbered(model.forward(maps), 'p', 2, named);
        return named;
      },
      replay.tensors);
  return replay;
}

Replay replay_det_official(const GoldenFile& file) {
  const Json& json = file.config();
  BackboneConfig config;
  config.encoder = encoder_of(json, json.at("img_size"));
  config.conv_eps = 1e-6;
  config.relative_position = RelativePosition::decomposed;
  config.window = {json.at("window_size").get<std::int64_t>(), /*padded=*/true};
  json.at("window_block_indexes").get_to(config.windowed_blocks);
  EncoderConfig pretrained = config.encoder;
  pretrained.img_size = size_of(json.at("pretrain_img_size"));
  config.position_grid = geometry_of(pretrained).grid();
  const auto backbone = std::make_shared<Backbone>(config);
  SimplePyramid model(config.encoder.embed_dim[2], json.at("out_channels").get<std::int64_t>());
  model.register_module("net", backbone);
  Replay replay;
  add_detector(
      file, model, *backbone,
      [&](const std::vector<at::Tensor>& maps) {
        NamedMaps named{{"last_feat", maps[2]}};
        add_numbered(model.forward(maps[2]), 'p', 2, named);
        return named;
      },
      replay.tensors);
  return replay;
}

}  // namespace convmae::golden
