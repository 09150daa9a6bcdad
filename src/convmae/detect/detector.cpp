#include "convmae/detect/detector.h"

#include "convmae/detect/initialise_detector.h"
#include "convmae/detect/roi_losses.h"
#include "convmae/ops/device.h"

#include <ATen/ATen.h>

#include <cmath>

namespace convmae {
namespace {

/// The levels that boxes are pooled from: all but the coarsest.
constexpr std::int64_t kPooledLevels = 4;

std::vector<at::Tensor> pooled_levels(const std::vector<at::Tensor>& levels) {
  return {levels.begin(), levels.begin() + kPooledLevels};
}

/// The number of its image for each of the rows.
at::Tensor image_numbers(const std::vector<at::Tensor>& boxes) {
  std::vector<at::Tensor> numbers;
  numbers.reserve(boxes.size());
  for (const at::Tensor& of_image : boxes) {
    numbers.push_back(at::full({of_image.size(0)}, std::ssize(numbers), at::kLong));
  }
  return at::cat(numbers);
}

void check_batch(const at::Tensor& images, std::span<const Size> sizes) {
  TORCH_CHECK(images.dim() == 4 && images.size(0) == std::ssize(sizes) && !sizes.empty(),
              "images [B, C, H, W] with B sizes are needed, found ", images.sizes(), " and ",
              sizes.size());
}

}  // namespace

PoolerConfig pooler_of(const DetectorConfig& config, std::int64_t output_size) {
  // The pooler's levels are powers of two, the configuration's are numbered from p2.
  const auto finest = std::llround(std::log2(static_cast<double>(level_strides(config).front())));
  PoolerConfig pooler;
  pooler.output_size = output_size;
  pooler.sampling_ratio = config.roi.sampling_ratio;
  pooler.min_level = finest;
  pooler.max_level = finest + kPooledLevels - 1;
  pooler.canonical_size = config.roi.canonical_box_size;
  pooler.canonical_level = config.roi.canonical_level - 2 + finest;
  return pooler;
}

Detector::Detector(const DetectorConfig& config)
    : config_(config),
      backbone_(register_module("backbone", std::make_shared<PyramidBackbone>(config))) {
  const auto part = [this](const char* name) {
    return register_module(name, std::make_shared<torch::nn::Module>());
  };
  proposal_head_ = part("proposal_generator")
                       ->register_module("rpn_head", std::make_shared<ProposalHead>(config));
  const auto roi_heads = part("roi_heads");
  box_head_ = roi_heads->register_module("box_head", std::make_shared<BoxHead>(config));
  box_predictor_ =
      roi_heads->register_module("box_predictor", std::make_shared<BoxPredictor>(config));
  if (config.roi.masks) {
    mask_head_ = roi_heads->register_module("mask_head", std::make_shared<MaskHead>(config));
  }
}

void Detector::initialise(std::uint64_t seed) { initialise_detector(*this, config_, seed); }

ProposalPass Detector::propose_boxes(const at::Tensor& images, std::span<const Size> sizes,
                                     PassMode mode, const EncoderOptions& options) {
  check_batch(images, sizes);
  ProposalPass pass;
  pass.levels = backbone_->forward(images, options);
  pass.anchors = anchors_of(pass.levels, config_);
  pass.output = proposal_head_->forward(pass.levels);
  pass.proposals = propose(pass.output, pass.anchors, sizes, config_.proposals, mode);
  return pass;
}

BoxPass Detector::look_at_boxes(const std::vector<at::Tensor>& levels,
                                const std::vector<at::Tensor>& boxes) {
  BoxPass pass;
  pass.boxes = at::cat(boxes);
  pass.images = image_numbers(boxes);
  pass.pooled = pool_boxes(pooled_levels(levels), pass.boxes, pass.images,
                           pooler_of(config_, config_.roi.box_pool));
  pass.features = box_head_->forward(pass.pooled);
  pass.output = box_predictor_->forward(pass.features);
  return pass;
}

MaskPass Detector::look_at_masks(const std::vector<at::Tensor>& levels, const at::Tensor& boxes,
                                 const at::Tensor& images) {
  MaskPass pass;
  pass.pooled =
      pool_boxes(pooled_levels(levels), boxes, images, pooler_of(config_, config_.roi.mask_pool));
  pass.logits = mask_head_->forward(pass.pooled);
  return pass;
}

void Detector::add_mask_loss(std::span<const ObjectTargets> targets, Size image,
                             TrainingPass& pass) {
  std::vector<at::Tensor> rows;
  std::vector<at::Tensor> masks;
  std::vector<at::Tensor> classes;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const RoiTargets& sampled = pass.roi_targets[i];
    const MaskTargets& own = pass.mask_targets.emplace_back(
        mask_targets(sampled, targets[i], image, mask_size(config_)));
    rows.push_back(own.rows + begin);
    masks.push_back(own.masks);
    classes.push_back(sampled.classes.index_select(0, own.rows));
    begin += sampled.boxes.size(0);
  }
  const at::Tensor chosen = at::cat(rows);
  pass.masks = look_at_masks(pass.proposals.levels, pass.boxes.boxes.index_select(0, chosen),
                             pass.boxes.images.index_select(0, chosen));
  pass.losses.emplace_back("loss_mask",
                           mask_loss(pass.masks.logits, at::cat(classes), at::cat(masks)));
}

TrainingPass Detector::train_on(const at::Tensor& images, std::span<const Size> sizes,
                                std::span<const ObjectTargets> targets, const TrainingDraws& draws,
                                std::array<bool, 3> recompute) {
  TORCH_CHECK(targets.size() == sizes.size() && draws.anchors.size() == sizes.size() &&
                  draws.proposals.size() == sizes.size(),
              "targets and draws of ", targets.size(), ", ", draws.anchors.size(), " and ",
              draws.proposals.size(), " images for ", sizes.size());
  TrainingPass pass;
  pass.proposals = propose_boxes(images, sizes, PassMode::training, {draws.drop_path, recompute});
  const at::Tensor anchors = at::cat(pass.proposals.anchors);
  std::vector<at::Tensor> boxes;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    pass.anchor_targets.push_back(
        anchor_targets(anchors, targets[i], config_.proposals, draws.anchors[i]));
    boxes.push_back(pass.roi_targets
                        .emplace_back(roi_targets(pass.proposals.proposals[i].boxes, targets[i],
                                                  config_, draws.proposals[i]))
                        .boxes);
  }
  const double beta = config_.smooth_l1_beta;
  const ProposalLosses rpn =
      proposal_losses(pass.proposals.output, pass.anchor_targets, config_.proposals, beta);
  pass.losses = {{"loss_rpn_cls", rpn.cls}, {"loss_rpn_loc", rpn.loc}};
  // The heads look at no box where there is none, rather than not at all: batch norm may share the
  // boxes of other processes.
  pass.boxes = look_at_boxes(pass.proposals.levels, boxes);
  const BoxLosses roi = box_losses(pass.boxes.output, pass.roi_targets, beta);
  pass.losses.emplace_back("loss_cls", roi.cls);
  pass.losses.emplace_back("loss_box_reg", roi.box_reg);
  if (mask_head_) add_mask_loss(targets, {images.size(2), images.size(3)}, pass);
  return pass;
}

InferencePass Detector::infer(const at::Tensor& images, std::span<const Size> sizes) {
  const at::NoGradGuard no_grad;
  InferencePass pass;
  pass.proposals = propose_boxes(images, sizes, PassMode::inference, {});
  std::vector<at::Tensor> boxes;
  boxes.reserve(sizes.size());
  for (const Proposals& of_image : pass.proposals.proposals) boxes.push_back(of_image.boxes);
  pass.boxes = look_at_boxes(pass.proposals.levels, boxes);
  pass.detections = choose_detections(pass.boxes.output, pass.proposals.proposals, sizes, config_);
  if (!mask_head_) return pass;

  boxes.clear();
  std::vector<at::Tensor> classes;
  for (const Detections& of_image : pass.detections) {
    boxes.push_back(of_image.boxes);
    classes.push_back(of_image.classes);
  }
  const at::Tensor all = at::cat(boxes);
  at::Tensor masks = at::zeros({0, mask_size(config_), mask_size(config_)}, at::kFloat);
  if (all.size(0) > 0) {
    pass.masks = look_at_masks(pass.proposals.levels, all, image_numbers(boxes));
    masks = masks_of_classes(pass.masks.logits, at::cat(classes)).sigmoid().to(at::kCPU);
  }
  std::int64_t begin = 0;
  for (Detections& of_image : pass.detections) {
    of_image.masks = masks.narrow(0, begin, of_image.boxes.size(0));
    begin += of_image.boxes.size(0);
  }
  return pass;
}

NamedTensors Detector::losses(const at::Tensor& images, std::span<const Size> sizes,
                              std::span<const ObjectTargets> targets, const BatchKey& key,
                              const TrainingPassOptions& options) {
  TrainingDraws draws =
      training_draws(config_, {images.size(2), images.size(3)}, options.drop_path_rate, key);
  for (std::optional<BranchScales>& scales : draws.drop_path) {
    if (!scales) continue;
    scales->mixing = sent_to(images.device(), scales->mixing);
    scales->mlp = sent_to(images.device(), scales->mlp);
  }
  return train_on(images, sizes, targets, draws, options.recompute).losses;
}

std::vector<Detections> Detector::detect(const at::Tensor& images, std::span<const Size> sizes) {
  return infer(images, sizes).detections;
}

}  // namespace convmae
