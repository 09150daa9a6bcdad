#include "convmae/segment/segmentor.h"
#include "convmae/segment/segmentor_groups.h"
#include "convmae/segment/segmentor_shapes.h"
#include "convmae/segment/sliding_window.h"

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include "golden/replay/dense_model.h"
#include "golden/replay/replays.h"
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace convmae::golden {
namespace {

/// Both heads alone, under the names that they have in a segmentor.
struct Heads : torch::nn::Module {
  explicit Heads(const Json& json) {
    const Json& decode = json.at("decode_head");
    const Json& auxiliary = json.at("auxiliary_head");
    const auto classes = json.at("num_classes").get<std::int64_t>();
    decode_head = register_module(
        "decode_head", std::make_shared<UperHead>(
                           decode.at("in_channels").get<std::vector<std::int64_t>>(),
                           decode.at("channels").get<std::int64_t>(),
                           decode.at("pool_scales").get<std::vector<std::int64_t>>(), classes));
    auxiliary_head = register_module(
        "auxiliary_head",
        std::make_shared<FcnHead>(auxiliary.at("in_channels").get<std::int64_t>(),
                                  auxiliary.at("channels").get<std::int64_t>(), classes));
  }

  std::shared_ptr<UperHead> decode_head;
  std::shared_ptr<FcnHead> auxiliary_head;
};

double loss_weight(const Json& head) {
  return head.at("loss_decode").at("loss_weight").get<double>();
}

SegmentorConfig segmentor_of(const Json& json) {
  const Json& decode = json.at("decode_head");
  SegmentorConfig config;
  config.encoder.img_size = {json.at("img_size").at(0).get<std::int64_t>(),
                             json.at("img_size").at(1).get<std::int64_t>()};
  json.at("embed_dim").get_to(config.encoder.embed_dim);
  json.at("depth").get_to(config.encoder.depth);
  json.at("num_heads").get_to(config.encoder.num_heads);
  json.at("mlp_ratio").get_to(config.encoder.mlp_ratio);
  json.at("init_values").get_to(config.layer_scale);
  decode.at("in_index").get_to(config.maps);
  decode.at("channels").get_to(config.channels);
  decode.at("pool_scales").get_to(config.pool_scales);
  json.at("aux_channels").get_to(config.aux_channels);
  json.at("auxiliary_head").at("in_index").get_to(config.aux_map);
  json.at("num_classes").get_to(config.num_classes);
  return config;
}

Json entry_of(const SegmentorTensor& tensor, const std::string& name) {
  using Kind = SegmentorTensor::Kind;
  const bool whole = tensor.kind == Kind::count || tensor.kind == Kind::index;
  return {name, tensor.shape, whole ? "int64" : "float32"};
}

}  // namespace

Replay replay_seg_upernet(const GoldenFile& file) {
  const Json& json = file.config();
  Heads heads(json);
  load_state(file, heads);
  std::vector<at::Tensor> maps;
  for (const std::int64_t map : json.at("decode_head").at("in_index")) {
    maps.push_back(file.at("in.feature" + std::to_string(map)).requires_grad_(true));
  }
  const auto auxiliary_map = json.at("auxiliary_head").at("in_index").get<std::size_t>();
  Replay replay;
  const auto pass = [&](const std::string& mode) {
    heads.train(mode == "out_train");
    const at::Tensor decode = heads.decode_head->forward(maps);
    const at::Tensor auxiliary = heads.auxiliary_head->forward(maps.at(auxiliary_map));
    replay.tensors[mode + ".decode_logits"] = decode.detach();
    replay.tensors[mode + ".aux_logits"] = auxiliary.detach();
    return std::pair(decode, auxiliary);
  };
  pass("out_eval");
  const auto [decode, auxiliary] = pass("out_train");
  const at::Tensor labels = file.at("in.labels").squeeze(1).to(at::kByte);
  const at::Tensor decode_loss = loss_weight(json.at("decode_head")) * pixel_loss(decode, labels);
  const at::Tensor aux_loss =
      loss_weight(json.at("auxiliary_head")) * pixel_loss(auxiliary, labels);
  replay.tensors["out_train.decode_loss"] = decode_loss.detach().view({1});
  replay.tensors["out_train.aux_loss"] = aux_loss.detach().view({1});
  (decode_loss + aux_loss).backward();
  for (std::size_t i = 0; i < maps.size(); ++i) {
    replay.tensors["grad_train.feature" + std::to_string(i)] = maps[i].grad();
  }
  for (const auto& item : heads.named_parameters()) {
    replay.tensors["grad_train." + item.key()] = item.value().grad();
  }
  commit_statistics(heads);
  for (const auto& item : heads.named_buffers()) {
    if (item.value().is_floating_point()) replay.tensors["out_train." + item.key()] = item.value();
  }
  return replay;
}

Replay replay_seg_slide(const GoldenFile& file) {
  const Json& json = file.config();
  const SegmentorConfig config = segmentor_of(json);
  validate(config);
  Segmentor segmentor(config);
  load_state(file, segmentor);
  segmentor.eval();
  const auto stride = json.at("stride").get<std::int64_t>();
  const Viewing viewing{config.encoder.img_size, {stride, stride}};
  const Size original{json.at("ori_shape").at(0).get<std::int64_t>(),
                      json.at("ori_shape").at(1).get<std::int64_t>()};
  const at::Tensor image = file.at("in.imgs")[0];
  Replay replay;
  WindowedLogits own(segmentor, image, viewing);
  replay.tensors["out.logits"] = own.rows(0, own.size().height).unsqueeze(0);
  WindowedLogits rescaled(segmentor, image, viewing);
  const at::Tensor logits = rows_at(original, rescaled, 0, original.height).unsqueeze(0);
  replay.tensors["out.logits_rescaled"] = logits;
  replay.tensors["out.prob_rescaled"] = at::softmax(logits, 1);
  replay.tensors["out.argmax"] =
      slide(segmentor, image, original, viewing).to(at::kFloat).unsqueeze(0);
  return replay;
}

Replay replay_segmentor_keys(const Json& /*golden*/) {
  Replay replay;
  replay.inputs = {"reference"};
  Json& json = replay.numbers.emplace(Json::object());
  const std::string backbone = "backbone.";
  for_each_tensor(segmentor_preset("base"), [&](const SegmentorTensor& tensor) {
    const std::int64_t numbers = c10::multiply_integers(tensor.shape);
    const auto add = [&](const std::string& part, bool listed, const std::string& name) {
      Json& of_part = json[part];
      if (of_part.is_null()) of_part["params_total"] = 0;
      if (tensor.kind == SegmentorTensor::Kind::parameter) {
        of_part["params_total"] = of_part["params_total"].get<std::int64_t>() + numbers;
      }
      if (listed) of_part["state_dict"].push_back(entry_of(tensor, name));
    };
    add("segmentor", true, tensor.name);
    const std::string part = tensor.name.substr(0, tensor.name.find('.'));
    const std::string name = tensor.name.substr(part.size() + 1);
    add(part, part == "backbone", name);
  });
  return replay;
}

Replay replay_segmentor_layer_decay(const Json& golden) {
  const Segmentor segmentor(segmentor_preset("base"));
  const std::int64_t layers = segmentor.config().encoder.depth.back();
  Replay replay;
  replay.inputs = {"reference", "layer_decay_rate", "weight_decay"};
  Json& json = replay.numbers.emplace(Json{{"num_layers", layers},
                                           {"layer_decay_rate", golden.at("layer_decay_rate")},
                                           {"weight_decay", golden.at("weight_decay")},
                                           {"of", Json::object()}});
  for (const ParamGroup& group :
       segmentor_groups(segmentor, golden.at("weight_decay").get<double>(),
                        golden.at("layer_decay_rate").get<double>())) {
    for (const std::string& name : group.names) {
      const std::int64_t layer = layer_of_segmentor_parameter(name, layers);
      json["of"][name] = {{"group", "layer_" + std::to_string(layer) +
                                        (group.weight_decay > 0 ? "_decay" : "_no_decay")},
                          {"layer_id", layer},
                          {"lr_scale", group.lr_scale},
                          {"weight_decay", group.weight_decay}};
    }
  }
  return replay;
}

}  // namespace convmae::golden
