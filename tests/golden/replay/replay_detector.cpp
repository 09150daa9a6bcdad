#include "convmae/detect/detector.h"
#include "convmae/detect/paste_masks.h"

#include <ATen/ATen.h>

#include "golden/replay/dense_model.h"
#include "golden/replay/replays.h"
#include <string>
#include <utility>

namespace convmae::golden {
namespace {

DetectorConfig detector_config_of(const Json& json) {
  const std::string name = json.at("model").get<std::string>();
  DetectorConfig config = detector_preset(name);
  json.at("window_size").get_to(config.window.side);
  if (name == "alpha") {
    config.encoder = encoder_of(json, json.at("image"));
    config.position_img_size = config.encoder.img_size;
    json.at("windowed_blocks").get_to(config.windowed_blocks);
  } else {
    config.encoder = encoder_of(json, json.at("square_pad"));
    config.position_img_size = size_of(json.at("pretrain_img_size"));
    json.at("window_block_indexes").get_to(config.windowed_blocks);
  }
  json.at("out_channels").get_to(config.out_channels);
  json.at("num_classes").get_to(config.num_classes);
  json.at("smooth_l1_beta").get_to(config.smooth_l1_beta);
  ProposalConfig& rpn = config.proposals;
  rpn.conv_dims.assign(2, config.out_channels);
  json.at("anchor_sizes").get_to(rpn.anchor_sizes);
  json.at("aspect_ratios").get_to(rpn.aspect_ratios);
  json.at("anchor_offset").get_to(rpn.anchor_offset);
  json.at("rpn_bbox_weights").get_to(rpn.bbox_weights);
  json.at("rpn_thresholds").get_to(rpn.thresholds);
  json.at("rpn_batch").get_to(rpn.batch);
  json.at("rpn_positive_fraction").get_to(rpn.positive_fraction);
  json.at("pre_nms_topk").get_to(rpn.pre_nms_topk);
  json.at("post_nms_topk").get_to(rpn.post_nms_topk);
  json.at("rpn_nms_thresh").get_to(rpn.nms_thresh);
  json.at("rpn_min_box_size").get_to(rpn.min_box_size);
  RoiConfig& roi = config.roi;
  json.at("roi_batch").get_to(roi.batch);
  json.at("roi_positive_fraction").get_to(roi.positive_fraction);
  json.at("roi_threshold").get_to(roi.threshold);
  json.at("roi_bbox_weights").get_to(roi.bbox_weights);
  json.at("canonical_box_size").get_to(roi.canonical_box_size);
  json.at("canonical_level").get_to(roi.canonical_level);
  json.at("sampling_ratio").get_to(roi.sampling_ratio);
  json.at("box_pool").get_to(roi.box_pool);
  json.at("box_conv_dims").get_to(roi.box_conv_dims);
  json.at("box_fc_dims").get_to(roi.box_fc_dims);
  json.at("mask_pool").get_to(roi.mask_pool);
  json.at("mask_conv_dims").get_to(roi.mask_conv_dims);
  DetectionConfig& detection = config.detection;
  json.at("test_score_thresh").get_to(detection.score_thresh);
  json.at("test_nms_thresh").get_to(detection.nms_thresh);
  detection.topk_per_image = json.value("test_topk_per_image", detection.topk_per_image);
  json.at("mask_threshold").get_to(detection.mask_threshold);
  validate(config);
  return config;
}

/// The network's input, and the sizes of the images in it.
struct DetectorInput {
  at::Tensor images;
  std::vector<Size> sizes;
};

DetectorInput input_of(const GoldenFile& file, Size network) {
  const auto of_channels = [&](const char* key) {
    return at::tensor(file.config().at(key).get<std::vector<double>>(), at::kFloat)
        .view({-1, 1, 1});
  };
  const at::Tensor mean = of_channels("pixel_mean");
  const at::Tensor deviation = of_channels("pixel_std");
  DetectorInput input;
  std::vector<at::Tensor> padded;
  for (std::int64_t i = 0; i < file.config().at("num_images").get<std::int64_t>(); ++i) {
    const at::Tensor image =
        (file.host("in.image" + std::to_string(i)).to(at::kFloat) - mean) / deviation;
    input.sizes.push_back({image.size(1), image.size(2)});
    padded.push_back(at::constant_pad_nd(
        image, {0, network.width - image.size(2), 0, network.height - image.size(1)}));
  }
  input.images = at::stack(padded).to(file.device());
  return input;
}

/// Names with the number of an image, or of a level from p2.
std::string numbered(const char* start, std::size_t number, const char* end = "") {
  return start + std::to_string(number) + end;
}

void add_proposals(const ProposalPass& pass, Tensors& out) {
  for (std::size_t i = 0; i < pass.levels.size(); ++i) {
    out[numbered("out.p", i + 2)] = pass.levels[i];
    out[numbered("out.anchors.p", i + 2)] = pass.anchors[i];
    out[numbered("out.rpn_logits.p", i + 2)] = pass.output.logits[i];
    out[numbered("out.rpn_deltas.p", i + 2)] = pass.output.deltas[i];
  }
  for (std::size_t i = 0; i < pass.proposals.size(); ++i) {
    out[numbered("out.proposals", i, ".boxes")] = pass.proposals[i].boxes;
    out[numbered("out.proposals", i, ".logits")] = pass.proposals[i].logits;
  }
}

void add_heads(const BoxPass& boxes, const MaskPass& masks, Tensors& out) {
  out["out.box_pooled"] = boxes.pooled;
  out["out.box_features"] = boxes.features;
  out["out.box_logits"] = boxes.output.logits;
  out["out.box_deltas"] = boxes.output.deltas;
  if (!masks.logits.defined()) return;
  out["out.mask_pooled"] = masks.pooled;
  out["out.mask_logits"] = masks.logits;
}

void add_detections(const std::string& name, const Detections& detections, Tensors& out) {
  out[name + ".boxes"] = detections.boxes;
  out[name + ".scores"] = detections.scores;
  out[name + ".classes"] = detections.classes.to(at::kFloat);
}

/// [D, height, width] uint8
at::Tensor pasted(const Detections& detections, Size image, double threshold) {
  at::Tensor masks = at::zeros({detections.boxes.size(0), image.height, image.width}, at::kByte);
  std::int64_t number = 0;
  for (const coco::Rle& mask : paste_masks(detections.masks, detections.boxes, image, threshold)) {
    std::vector<std::uint8_t> pixels = coco::rle_pixels(mask);
    masks[number++].copy_(at::from_blob(pixels.data(), {image.height, image.width}, at::kByte));
  }
  return masks;
}

void replay_inference(const GoldenFile& file, Detector& detector, Tensors& out) {
  const DetectorConfig& config = detector.config();
  const DetectorInput input = input_of(file, config.encoder.img_size);
  detector.eval();
  const InferencePass pass = detector.infer(input.images, input.sizes);
  add_proposals(pass.proposals, out);
  add_heads(pass.boxes, pass.masks, out);
  for (std::size_t i = 0; i < input.sizes.size(); ++i) {
    out[numbered("out.proposals", i, ".level")] =
        assign_levels(pass.proposals.proposals[i].boxes, pooler_of(config, config.roi.box_pool))
            .to(at::kFloat);
    const Detections& found = pass.detections[i];
    add_detections(numbered("out.det", i), found, out);
    out[numbered("out.det", i, ".mask_probs")] = found.masks;
    const Size original = size_of(file.config().at("original").at(i));
    for (const auto& [name, rescaling] : {std::pair{"out.lsj", BoxRescaling::one_factor},
                                          std::pair{"out.std", BoxRescaling::two_factors}}) {
      const Detections scaled = rescale_detections(found, input.sizes[i], original, rescaling);
      add_detections(numbered(name, i), scaled, out);
      out[numbered(name, i, ".masks")] = pasted(scaled, original, config.detection.mask_threshold);
    }
  }
}

ObjectTargets golden_objects(const GoldenFile& file, std::size_t image) {
  ObjectTargets objects;
  objects.boxes = file.host(numbered("in.gt", image, ".boxes"));
  objects.classes = file.host(numbered("in.gt", image, ".classes")).to(at::kLong);
  for (const Json& object : file.config().at("gt").at(image)) {
    objects.masks.emplace_back(object.at("polygons").get<std::vector<Polygon>>());
  }
  return objects;
}

/// Objects whose masks are their pixels.
ObjectTargets with_pixels(ObjectTargets objects, Size image) {
  for (ObjectMask& mask : objects.masks) {
    mask = PixelMask{{0, 0, image.height, image.width}, draw_mask(mask, image)};
  }
  return objects;
}

/// The reference's permutations: of the positive ones, then of the negative ones.
SubsetDraw draws_in_turn(const GoldenFile& file, const std::string& name) {
  const auto order = [&](const char* kind) {
    const at::Tensor numbers = file.host(name + kind).to(at::kLong).contiguous();
    const auto* const data = numbers.const_data_ptr<std::int64_t>();
    return std::vector<std::int64_t>(data, data + numbers.numel());
  };
  std::vector<std::vector<std::int64_t>> orders{order(".perm_neg"), order(".perm_pos")};
  return [orders](std::int64_t, std::int64_t) mutable {
    std::vector<std::int64_t> next = std::move(orders.back());
    orders.pop_back();
    return next;
  };
}

void add_targets(const TrainingPass& pass, const std::vector<ObjectTargets>& objects,
                 const std::vector<Size>& sizes, const DetectorConfig& config, Tensors& out) {
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const std::string rpn = numbered("out.rpn", i);
    const AnchorTargets& anchors = pass.anchor_targets[i];
    at::Tensor label = at::full_like(anchors.matches.label, -1);
    label.index_fill_(0, anchors.sampled.negative, 0).index_fill_(0, anchors.sampled.positive, 1);
    out[rpn + ".matched_gt"] = anchors.matches.truth.to(at::kFloat);
    out[rpn + ".match_label"] = anchors.matches.label.to(at::kFloat);
    out[rpn + ".sampled_label"] = label.to(at::kFloat);
    out[rpn + ".pos_index"] = anchors.sampled.positive.to(at::kFloat);
    out[rpn + ".pos_target_deltas"] = anchors.target_deltas;
    const std::string roi = numbered("out.roi", i);
    const RoiTargets& boxes = pass.roi_targets[i];
    out[roi + ".matched_gt"] = boxes.matches.truth.to(at::kFloat);
    out[roi + ".match_label"] = boxes.matches.label.to(at::kFloat);
    out[roi + ".sampled_index"] = boxes.sampled.to(at::kFloat);
    out[roi + ".sampled_boxes"] = boxes.boxes;
    out[roi + ".sampled_class"] = boxes.classes.to(at::kFloat);
    out[roi + ".sampled_gt"] = boxes.objects.to(at::kFloat);
    out[roi + ".fg"] = boxes.foreground.to(at::kFloat);
    out[roi + ".fg_target_deltas"] = boxes.target_deltas;
    out[roi + ".mask_targets"] = pass.mask_targets[i].masks;
    out[roi + ".mask_targets_bitmask"] =
        mask_targets(boxes, with_pixels(objects[i], sizes[i]), sizes[i], mask_size(config)).masks;
  }
}

void replay_training(const GoldenFile& file, Detector& detector, Tensors& out) {
  const DetectorConfig& config = detector.config();
  const DetectorInput input = input_of(file, config.encoder.img_size);
  detector.train(file.config().at("bn_mode") == "train");
  std::vector<ObjectTargets> objects;
  TrainingDraws draws;
  for (std::size_t i = 0; i < input.sizes.size(); ++i) {
    objects.push_back(golden_objects(file, i));
    draws.anchors.push_back(draws_in_turn(file, numbered("in.rpn", i)));
    draws.proposals.push_back(draws_in_turn(file, numbered("in.roi", i)));
  }
  const TrainingPass pass = detector.train_on(input.images, input.sizes, objects, draws);
  add_proposals(pass.proposals, out);
  add_targets(pass, objects, input.sizes, config, out);
  add_heads(pass.boxes, pass.masks, out);
  at::Tensor total = at::zeros({1}, input.images.options());
  for (const auto& [name, loss] : pass.losses) {
    out["out." + name] = loss.view(1);
    total = total + loss;
  }
  out["out.loss_total"] = total;
  total.sum().backward();
  for (const auto& item : detector.named_parameters()) {
    if (item.value().grad().defined()) out["grad." + item.key()] = item.value().grad();
  }
  commit_statistics(detector);
  for (const auto& item : detector.named_buffers()) {
    if (item.value().is_floating_point()) out["out.buffer." + item.key()] = item.value();
  }
}

}  // namespace

Replay replay_detector(const GoldenFile& file) {
  Detector detector(detector_config_of(file.config()));
  load_state(file, detector);
  Replay replay;
  if (file.config().at("case") == "maskrcnn_infer") {
    replay_inference(file, detector, replay.tensors);
  } else {
    replay_training(file, detector, replay.tensors);
  }
  return replay;
}

}  // namespace convmae::golden
