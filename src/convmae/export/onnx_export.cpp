#include "convmae/export/onnx_export.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/checkpoint/weight_layout.h"
#include "convmae/export/network_graph.h"
#include "convmae/features/feature_model.h"
#include "convmae/model/named_tensors.h"
#include "convmae/segment/segmentor_checkpoint.h"
#include "convmae/train/finite.h"
#include "convmae/train/run/checkpoint_store.h"
#include "convmae/train/run/environment.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace convmae {
namespace {

using Build = std::function<std::vector<GraphValue>(GraphMath&, const GraphImages&)>;

/// An output of a network: its name, channels or classes, and its height and width if it is a map.
struct OutputShape {
  std::string name;
  std::int64_t channels = 0;
  std::optional<Size> sides{};
};

/// A network with its weights, as far as a graph is made of it.
struct Network {
  std::string task;
  std::shared_ptr<const torch::nn::Module> module;
  Preprocessing preprocessing;
  Build build;
  std::vector<OutputShape> outputs;
  std::map<std::string, std::string> metadata{};
};

std::string names_text(const std::vector<std::string>& classes) {
  nlohmann::ordered_json names = nlohmann::ordered_json::array();
  for (const std::string& name : classes) names.push_back(as_utf8(name));
  return json_text(names);
}

std::vector<OutputShape> map_shapes(const EncoderConfig& config) {
  std::vector<OutputShape> shapes;
  Size sides = config.img_size;
  for (std::size_t i = 0; i < config.embed_dim.size(); ++i) {
    sides = {sides.height / config.patch_size[i], sides.width / config.patch_size[i]};
    shapes.push_back({"stage" + std::to_string(i + 1), config.embed_dim[i], sides});
  }
  return shapes;
}

Network encoder_network(const std::filesystem::path& path) {
  const auto model = std::make_shared<FeatureModel>(FeatureModel::load(path));
  return {.task = "features",
          .module = std::shared_ptr<const torch::nn::Module>(model, &model->module()),
          .preprocessing = model->preprocessing(),
          .build = [config = model->encoder()](
                       GraphMath& math,
                       const GraphImages& images) { return encoder_maps(math, config, images); },
          .outputs = map_shapes(model->encoder())};
}

Network classifier_network(const std::filesystem::path& path) {
  const LoadedClassifier loaded = load_classifier(path);
  const ClassifierConfig& config = loaded.model->config();
  return {.task = "classification",
          .module = loaded.model,
          .preprocessing = loaded.preprocessing,
          .build = [config](GraphMath& math, const GraphImages& images) -> std::vector<GraphValue> {
            return {classifier_logits(math, config, images)};
          },
          .outputs = {{"logits", config.num_classes}},
          .metadata = {{"convmae.classes", names_text(loaded.classes)}}};
}

Network segmentor_network(const std::filesystem::path& path, bool features) {
  const LoadedSegmentor loaded = load_segmentor(path);
  const SegmentorConfig& config = loaded.segmentor->config();
  Network network{.task = features ? "features" : "segmentation",
                  .module = loaded.segmentor,
                  .preprocessing = loaded.preprocessing,
                  .build =
                      [config, features](GraphMath& math, const GraphImages& images) {
                        return features ? segmentor_maps(math, config, images)
                                        : std::vector{segmentor_logits(math, config, images)};
                      },
                  .outputs = map_shapes(config.encoder)};
  if (features) return network;
  network.outputs = {{"logits", config.num_classes, map_size(config, config.maps.front())}};
  network.metadata = {{"convmae.classes", names_text(loaded.scheme->names())},
                      {"convmae.labels", to_json(*loaded.scheme)}};
  return network;
}

Network network_in(const std::filesystem::path& path, bool features) {
  const WeightFile file(path);
  const std::optional<Architecture> architecture = architecture_of(file);
  if (!architecture) {
    throw UserError(quote(path.string()) +
                    " holds no model that this program knows: see `convmae inspect`");
  }
  const auto has = [&](std::string_view start) {
    return std::ranges::any_of(
        file.weights(), [&](const Weight& weight) { return weight.name.starts_with(start); });
  };
  if (has("roi_heads.")) {
    throw UserError(quote(path.string()) +
                    " holds a detector, which cannot be exported: give a classifier, a segmentor "
                    "or a pretrained encoder");
  }
  if (has("decode_head.")) return segmentor_network(path, features);
  if (features) return encoder_network(path);
  if (!has(architecture->prefix + "head.")) {
    throw UserError(quote(path.string()) +
                    " holds an encoder without a head: add --features to export its maps");
  }
  return classifier_network(path);
}

/// Pixels [B, H, W, C] uint8 -> images [B, C, H, W], normalised.
GraphValue normalised(GraphMath& math, const GraphValue& pixels,
                      const Preprocessing& preprocessing) {
  constexpr double kFullScale = 255;
  const GraphValue planes = math.permuted(math.as_float(pixels), {0, 3, 1, 2});
  const auto by_channel = [&](const char* name, const std::vector<double>& values) {
    const at::Tensor scaled = at::tensor(values, at::kDouble) * kFullScale;
    return math.weight(name, scaled.to(at::kFloat).reshape({-1, 1, 1}));
  };
  const GraphValue centred =
      math.node("Sub", {planes, by_channel("pixels.mean", preprocessing.mean)});
  return math.node("Div", {centred, by_channel("pixels.std", preprocessing.std)});
}

/// A height and a width: those of the configuration, or names for any.
std::vector<OnnxSide> sides_of(Size sides, bool any, const std::string& prefix) {
  if (any) return {prefix + "height", prefix + "width"};
  return {sides.height, sides.width};
}

OnnxValue input_of(const Network& network, const OnnxExportOptions& options) {
  const std::int64_t channels = std::ssize(network.preprocessing.mean);
  const std::vector<OnnxSide> sides =
      sides_of(network.preprocessing.size, options.dynamic_size, "");
  if (options.pixels) return {"pixels", DType::u8, {"batch", sides[0], sides[1], channels}};
  return {"images", DType::f32, {"batch", channels, sides[0], sides[1]}};
}

OnnxValue output_of(const OutputShape& shape, const OnnxExportOptions& options) {
  OnnxValue value{shape.name, DType::f32, {"batch", shape.channels}};
  if (!shape.sides) return value;
  for (OnnxSide& side : sides_of(*shape.sides, options.dynamic_size, shape.name + "_")) {
    value.shape.push_back(std::move(side));
  }
  return value;
}

OnnxModel graph_of(const Network& network, const OnnxExportOptions& options) {
  const at::NoGradGuard no_grad;
  OnnxModel model;
  model.name = "convmae";
  model.producer_version = program_version();
  model.inputs = {input_of(network, options)};
  model.metadata = network.metadata;
  model.metadata["convmae.task"] = network.task;
  model.metadata["convmae.preprocessing"] = json_text(to_json(network.preprocessing));

  GraphMath math(named_tensors(*network.module), options.opset);
  const GraphValue input{model.inputs.front().name};
  const GraphValue images = options.pixels ? normalised(math, input, network.preprocessing) : input;
  const std::vector<GraphValue> results = network.build(math, {images, options.dynamic_size});
  for (std::size_t i = 0; i < results.size(); ++i) {
    model.outputs.push_back(output_of(network.outputs[i], options));
    math.give(results[i], model.outputs.back().name);
  }
  math.finish(model);
  return model;
}

}  // namespace

OnnxExport export_onnx(const std::filesystem::path& checkpoint, const std::filesystem::path& out,
                       const OnnxExportOptions& options) {
  const std::filesystem::path file = model_file(checkpoint);
  const Network network = network_in(file, options.features);
  require_finite_weights(*network.module, file);
  const OnnxModel model = graph_of(network, options);
  OnnxExport result{network.task, model.inputs, model.outputs, {out}};
  if (write_onnx(out, model)) result.files.push_back(onnx_data_path(out));
  return result;
}

}  // namespace convmae
