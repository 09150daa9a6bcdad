#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/coco/polygon.h"
#include "convmae/coco/rle.h"
#include "convmae/detect/anchors.h"
#include "convmae/detect/box_loss.h"
#include "convmae/detect/boxes.h"
#include "convmae/detect/mask_targets.h"
#include "convmae/detect/matcher.h"
#include "convmae/detect/paste_masks.h"
#include "convmae/detect/pooler.h"
#include "convmae/detect/sampler.h"
#include "convmae/ops/nms.h"
#include "convmae/ops/roi_align.h"

#include <ATen/ATen.h>

#include "golden/replay/replays.h"
#include <span>
#include <utility>

namespace convmae::golden {
namespace {

at::Tensor numbers_of(const GoldenFile& file, const std::string& name) {
  return file.at(name).to(at::kLong);
}

/// The numbers 0, ..., n - 1 in the golden file's order.
SubsetDraw draw_by(const at::Tensor& permutation) {
  const auto* data = permutation.const_data_ptr<std::int64_t>();
  std::vector<std::int64_t> order(data, data + permutation.numel());
  return [order = std::move(order)](std::int64_t /*n*/, std::int64_t /*count*/) { return order; };
}

void replay_transform(const GoldenFile& file, const std::string& name, Tensors& results) {
  BoxTransform transform;
  transform.weights = file.config().at("weights").at(name).get<std::array<double, 4>>();
  transform.scale_clamp = file.config().at("scale_clamp").get<double>();
  const at::Tensor source = file.at("in.src");
  results["out.encode_" + name] = transform.encode(source, file.at("in.tgt"));
  results["out.decode_" + name] = transform.decode(file.at("in.deltas_" + name), source);
}

void replay_matchers(const GoldenFile& file, Tensors& results) {
  for (const Json& entry : file.config().at("matchers")) {
    const MatcherConfig config{entry.at("thresholds").get<std::vector<double>>(),
                               entry.at("labels").get<std::vector<std::int64_t>>(),
                               entry.at("allow_low_quality_matches").get<bool>()};
    const BoxMatches matches = match_boxes(file.at("in.match_quality"), config);
    const std::string name = "out.match_" + entry.at("name").get<std::string>();
    results[name + ".idx"] = matches.truth.to(at::kFloat);
    results[name + ".label"] = matches.label.to(at::kFloat);
  }
}

void replay_subsamples(const GoldenFile& file, Tensors& results) {
  const Json& cases = file.config().at("subsample");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const SubsampleConfig config{cases[i].at("num_samples").get<std::int64_t>(),
                                 cases[i].at("positive_fraction").get<double>()};
    const std::string number = "subsample" + std::to_string(i);
    bool positive = true;
    const SubsetDraw positives = draw_by(numbers_of(file, "in." + number + ".perm_pos"));
    const SubsetDraw negatives = draw_by(numbers_of(file, "in." + number + ".perm_neg"));
    const LabelSubsample chosen = subsample_labels(
        numbers_of(file, "in." + number + ".labels"), /*background=*/0, config,
        [&](std::int64_t n, std::int64_t count) {
          return std::exchange(positive, false) ? positives(n, count) : negatives(n, count);
        });
    results["out." + number + ".pos"] = chosen.positive.to(at::kFloat);
    results["out." + number + ".neg"] = chosen.negative.to(at::kFloat);
  }
}

void replay_anchors(const Json& json, Tensors& results) {
  AnchorConfig config;
  config.aspect_ratios = json.at("aspect_ratios").get<std::vector<double>>();
  config.strides = json.at("strides").get<std::vector<std::int64_t>>();
  config.sizes.clear();
  for (const Json& size : json.at("anchor_sizes")) config.sizes.push_back({size.get<double>()});
  std::vector<Size> maps;
  for (const Json& grid : json.at("anchor_grids")) {
    maps.push_back({grid.at(0).get<std::int64_t>(), grid.at(1).get<std::int64_t>()});
  }
  for (const auto& [name, offset] : {std::pair("0.0", 0.0), {"0.5", 0.5}}) {
    config.offset = offset;
    const std::vector<at::Tensor> anchors = make_anchors(config, maps);
    for (std::size_t level = 0; level < maps.size(); ++level) {
      const std::string pyramid_level = ".p" + std::to_string(level + 2);
      results[std::string("out.anchors_offset") + name + pyramid_level] = anchors[level];
      results["out.cell_anchors" + pyramid_level] =
          cell_anchors(config.sizes[level], config.aspect_ratios);
    }
  }
}

/// Results that stand in the configuration, beside the inputs, and may have been left out.
void expect_entry(const Json& entry, const char* key, const Json& ours, const std::string& what) {
  const auto expected = entry.find(key);
  if (expected == entry.end() || *expected == ours) return;
  throw UserError("expected " + what + "." + key + " " + json_text(*expected) + ", found " +
                  json_text(ours));
}

/// Boxes are written as real numbers.
Json box_json(const coco::XywhBox& box) { return box; }

at::Tensor pixel_tensor(const coco::Rle& rle) {
  const std::vector<std::uint8_t> pixels = coco::rle_pixels(rle);
  return at::tensor(pixels, at::kByte).view({rle.size.height, rle.size.width});
}

coco::Rle rle_of(const at::Tensor& mask) {
  return coco::rle_from_pixels(
      {mask.size(0), mask.size(1)},
      {mask.const_data_ptr<std::uint8_t>(), static_cast<std::size_t>(mask.numel())});
}

void replay_pasting(const GoldenFile& file, Tensors& results) {
  const Json& cases = file.config().at("paste");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Size image{cases[i].at("height").get<std::int64_t>(),
                     cases[i].at("width").get<std::int64_t>()};
    const std::string name = "paste" + std::to_string(i);
    const at::Tensor masks = file.at("in." + name + ".masks");
    const at::Tensor boxes = file.at("in." + name + ".boxes");
    results["out." + name + ".soft"] = paste_soft_masks(masks, boxes, image);
    std::vector<at::Tensor> pixels;
    for (const coco::Rle& rle :
         paste_masks(masks, boxes, image, cases[i].at("threshold").get<double>())) {
      pixels.push_back(pixel_tensor(rle));
    }
    results["out." + name + ".masks"] = at::stack(pixels);
  }
}

void replay_polygons(const GoldenFile& file, Tensors& results) {
  const Json& cases = file.config().at("polygons");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Json& entry = cases[i];
    const Size size{entry.at("height").get<std::int64_t>(), entry.at("width").get<std::int64_t>()};
    const std::string name = "polygon" + std::to_string(i);
    std::vector<coco::Rle> parts;
    Json texts = Json::array();
    for (const Json& polygon : entry.at("polygons")) {
      parts.push_back(coco::rle_from_polygon(size, polygon.get<std::vector<double>>()));
      texts.push_back(coco::rle_text(parts.back()));
    }
    const coco::Rle whole = coco::rle_union(parts);
    expect_entry(entry, "parts_counts", texts, name);
    expect_entry(entry, "counts", coco::rle_text(whole), name);
    expect_entry(entry, "area", coco::rle_area(whole), name);
    expect_entry(entry, "bbox", box_json(coco::rle_box(whole)), name);
    results["out." + name] = pixel_tensor(whole);
  }
}

void replay_rasterizing(const GoldenFile& file, Tensors& results) {
  const Json& cases = file.config().at("rasterize");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto polygons = cases[i].at("polygons").get<std::vector<std::vector<double>>>();
    results["out.rasterize" + std::to_string(i)] =
        draw_mask_target(polygons, cases[i].at("box").get<std::array<float, 4>>(),
                         cases[i].at("mask_size").get<std::int64_t>());
  }
}

void replay_bitmasks(const GoldenFile& file, Tensors& results) {
  const at::Tensor masks = file.at("in.bitmasks");
  for (const std::int64_t side : {14, 28}) {
    const std::string name = "out.bitmasks.crop" + std::to_string(side);
    const at::Tensor soft = crop_masks(masks, file.at("in.bitmasks.boxes"), side);
    results[name + "_soft"] = soft;
    results[name] = (soft >= 0.5).to(at::kByte);
  }
  std::vector<float> boxes;
  std::vector<float> nonempty;
  for (std::int64_t i = 0; i < masks.size(0); ++i) {
    const coco::Rle rle = rle_of(masks[i]);
    const coco::XywhBox box = coco::rle_box(rle);
    for (const double edge : {box[0], box[1], box[0] + box[2], box[1] + box[3]}) {
      boxes.push_back(static_cast<float>(edge));
    }
    nonempty.push_back(coco::rle_area(rle) > 0 ? 1 : 0);
  }
  results["out.bitmasks.bounding_boxes"] = at::tensor(boxes).view({-1, 4});
  results["out.bitmasks.nonempty"] = at::tensor(nonempty);
}

void replay_rle(const GoldenFile& file) {
  const Json& cases = file.config().at("rle");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::string name = "rle" + std::to_string(i);
    const coco::Rle rle = rle_of(file.at("in." + name));
    expect_entry(cases[i], "counts_uncompressed", rle.runs, name);
    expect_entry(cases[i], "counts", coco::rle_text(rle), name);
    expect_entry(cases[i], "area", coco::rle_area(rle), name);
    expect_entry(cases[i], "bbox", box_json(coco::rle_box(rle)), name);
  }
}

void replay_mask_iou(const GoldenFile& file, Tensors& results) {
  const auto rles_of = [&](const std::string& name) {
    const at::Tensor masks = file.at(name);
    std::vector<coco::Rle> rles;
    for (std::int64_t i = 0; i < masks.size(0); ++i) rles.push_back(rle_of(masks[i]));
    return rles;
  };
  const std::vector<coco::Rle> detections = rles_of("in.mask_iou.dt");
  const std::vector<coco::Rle> truths = rles_of("in.mask_iou.gt");
  const auto crowds = file.config().at("mask_iou_iscrowd").get<std::vector<int>>();
  std::vector<float> iou;
  std::vector<float> without_crowds;
  for (const coco::Rle& detection : detections) {
    for (std::size_t i = 0; i < truths.size(); ++i) {
      iou.push_back(static_cast<float>(coco::rle_iou(detection, truths[i], crowds[i] != 0)));
      without_crowds.push_back(static_cast<float>(coco::rle_iou(detection, truths[i], false)));
    }
  }
  const auto columns = static_cast<std::int64_t>(truths.size());
  results["out.mask_iou"] = at::tensor(iou).view({-1, columns});
  results["out.mask_iou_no_crowd"] = at::tensor(without_crowds).view({-1, columns});
  const auto merged = std::span(detections).first(3);
  results["out.mask_union"] = pixel_tensor(coco::rle_union(merged));
  results["out.mask_intersection"] = pixel_tensor(coco::rle_common(merged));
}

void replay_box_iou(const Json& json) {
  const auto detections = json.at("dt").get<std::vector<coco::XywhBox>>();
  const auto truths = json.at("gt").get<std::vector<coco::XywhBox>>();
  const auto crowds = json.at("iscrowd").get<std::vector<int>>();
  Json with_crowds = Json::array();
  Json without_crowds = Json::array();
  for (const coco::XywhBox& detection : detections) {
    Json& row = with_crowds.emplace_back(Json::array());
    Json& other = without_crowds.emplace_back(Json::array());
    for (std::size_t i = 0; i < truths.size(); ++i) {
      row.push_back(coco::box_iou(detection, truths[i], crowds[i] != 0));
      other.push_back(coco::box_iou(detection, truths[i], false));
    }
  }
  expect_entry(json, "iou", with_crowds, "box_iou");
  expect_entry(json, "iou_no_crowd", without_crowds, "box_iou");
}

void replay_pooler(const GoldenFile& file, Tensors& results) {
  const Json& json = file.config().at("pooler");
  PoolerConfig config;
  config.output_size = json.at("output_size").get<std::int64_t>();
  config.sampling_ratio = json.at("sampling_ratio").get<std::int64_t>();
  config.canonical_size = json.at("canonical_box_size").get<double>();
  config.canonical_level = json.at("canonical_level").get<std::int64_t>();
  std::vector<at::Tensor> maps;
  for (std::int64_t level = config.min_level; level <= config.max_level; ++level) {
    maps.push_back(file.at("in.pooler.p" + std::to_string(level)));
  }
  std::vector<at::Tensor> boxes;
  std::vector<at::Tensor> images;
  for (std::int64_t image = 0; image < maps.front().size(0); ++image) {
    boxes.push_back(file.at("in.pooler.boxes" + std::to_string(image)));
    images.push_back(at::full({boxes.back().size(0)}, image, at::kLong));
  }
  const at::Tensor all = at::cat(boxes);
  results["out.pooler"] = pool_boxes(maps, all, at::cat(images), config);
  results["out.pooler.level"] = assign_levels(all, config).to(at::kFloat);
}

void replay_boxes(const GoldenFile& file, Tensors& results) {
  replay_transform(file, "rpn", results);
  replay_transform(file, "roi", results);
  replay_matchers(file, results);
  replay_subsamples(file, results);
  replay_anchors(file.config(), results);
  const at::Tensor boxes = file.at("in.iou_a");
  results["out.iou"] = pairwise_iou(boxes, file.at("in.iou_b"));
  results["out.area"] = box_area(boxes);
  results["out.clip_40x50"] = clip_boxes(boxes, {40, 50});
  results["out.nonempty"] = nonempty_boxes(boxes).to(at::kFloat);
  results["out.nonempty_5"] = nonempty_boxes(boxes, 5).to(at::kFloat);
  for (const auto& [name, beta] : {std::pair("0.0", 0.0), {"0.5", 0.5}, {"1.0", 1.0}}) {
    results[std::string("out.smooth_l1_beta") + name] =
        smooth_l1(file.at("in.l1.x"), file.at("in.l1.y"), beta);
  }
}

void replay_masks(const GoldenFile& file, Tensors& results) {
  replay_pasting(file, results);
  replay_polygons(file, results);
  replay_rasterizing(file, results);
  replay_bitmasks(file, results);
  replay_rle(file);
  replay_mask_iou(file, results);
  replay_box_iou(file.config().at("box_iou"));
}

void replay_nms(const GoldenFile& file, Tensors& results) {
  for (const Json& entry : file.config().at("cases")) {
    const auto name = entry.at("name").get<std::string>();
    const auto threshold = entry.at("iou_threshold").get<double>();
    const at::Tensor boxes = file.at("in." + name + ".boxes");
    const at::Tensor scores = file.at("in." + name + ".scores");
    const at::Tensor kept =
        entry.at("batched").get<bool>()
            ? ops::batched_nms(boxes, scores, numbers_of(file, "in." + name + ".idxs"), threshold)
            : ops::nms(boxes, scores, threshold);
    results["out." + name + ".keep"] = kept.to(at::kFloat);
  }
}

void replay_roi_align(const GoldenFile& file, Tensors& results) {
  const at::Tensor rois = file.at("in.rois");
  for (const Json& entry : file.config().at("cases")) {
    const auto name = entry.at("name").get<std::string>();
    const Json& size = entry.at("output_size");
    const ops::RoiGrid grid{file.config().at("spatial_scale").get<double>(),
                            size.at(0).get<std::int64_t>(), size.at(1).get<std::int64_t>(),
                            entry.at("sampling_ratio").get<std::int64_t>(),
                            entry.at("aligned").get<bool>()};
    const at::Tensor map = file.at("in.x").requires_grad_();
    const at::Tensor cells =
        ops::roi_align(map, rois.narrow(1, 1, 4), rois.select(1, 0).to(at::kLong), grid);
    cells.backward(file.at("in.cotangent." + name));
    results["out." + name] = cells.detach();
    results["grad." + name + ".in.x"] = map.grad();
  }
  replay_pooler(file, results);
}

}  // namespace

Replay replay_det_ops(const GoldenFile& file) {
  Replay replay;
  const auto kind = file.config().at("case").get<std::string>();
  if (kind == "det_ops_boxes") replay_boxes(file, replay.tensors);
  if (kind == "det_ops_masks") replay_masks(file, replay.tensors);
  if (kind == "det_ops_nms") replay_nms(file, replay.tensors);
  if (kind == "det_ops_roi_align") replay_roi_align(file, replay.tensors);
  return replay;
}

}  // namespace convmae::golden
