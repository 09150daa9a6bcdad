#include "convmae/segment/segment_options.h"

#include "convmae/base/quote.h"
#include "convmae/checkpoint/first_convolution.h"
#include "convmae/report/format.h"
#include "convmae/train/option_checks.h"

#include <algorithm>
#include <cstddef>

namespace convmae {
namespace {

constexpr const char* kBalanced = "balanced";

void check_augmentation(const SegmentOptions& options) {
  require(options.bounds.size() == 2,
          "--bounds takes two numbers, the longer and the shorter side, found " +
              std::to_string(options.bounds.size()));
  require(options.ratio_range.size() == 2,
          "--ratio_range takes two numbers, found " + std::to_string(options.ratio_range.size()));
  check_recipe(options.recipe());
  require(!options.distort || options.model_config.encoder.in_chans == 3,
          "photometric distortion works on images with 3 channels, here are " +
              std::to_string(options.model_config.encoder.in_chans) + ": give --no_distort");
}

}  // namespace

SegmentOptions::SegmentOptions() {
  batch_size = 16;
  blr = 1.6e-3;  // 1e-4 at 16 images a step
  weight_decay = 0.05;
  warmup_share = 1500.0 / 160'000;
  schedule = {.decay = Decay::linear, .warmup = Warmup::factor, .warmup_start = 1e-6};
  model_config.encoder.img_size = segmentor.encoder.img_size;
}

CropRecipe SegmentOptions::recipe() const {
  CropRecipe recipe;
  recipe.bounds = {bounds.at(0), bounds.at(1)};
  recipe.smallest = ratio_range.at(0);
  recipe.largest = ratio_range.at(1);
  recipe.crop = model_config.encoder.img_size;
  recipe.most_of_one_class = cat_max_ratio;
  recipe.mirror = flip;
  recipe.distort = distort;
  return recipe;
}

std::array<bool, 3> SegmentOptions::recomputed() const {
  std::array<bool, 3> stages{};
  for (const std::int64_t stage : recompute) stages.at(static_cast<std::size_t>(stage - 1)) = true;
  return stages;
}

TestSizes SegmentOptions::test_sizes() const { return {{bounds.at(0), bounds.at(1)}, stride}; }

Viewing SegmentOptions::viewing() const { return {model_config.encoder.img_size, stride, mirror}; }

void resolve(SegmentOptions& options) {
  resolve_training(options);
  for (std::string* const path : {&options.labels, &options.eval_labels, &options.scheme.classes,
                                  &options.scheme.label_map, &options.scheme.palette}) {
    make_absolute(*path);
  }
  if (options.class_weights != kBalanced) make_absolute(options.class_weights);
  options.segmentor.encoder = options.model_config.encoder;
  if (options.stride == Size{})
    options.stride = default_stride(options.model_config.encoder.img_size);
}

void validate(const SegmentOptions& options) {
  validate(options.model_config.encoder);
  validate_training(options);
  validate(options.segmentor);
  require_batch(options.segmentor, options.shared_batch());
  parse_in_chans_init(options.in_chans_init);
  parse_loss_average(options.loss_average);
  check_augmentation(options);
  validate(options.viewing(), options.segmentor);
  require(
      options.layer_decay > 0 && options.layer_decay <= 1,
      "--layer_decay must be above 0 and at most 1, found " + format_number(options.layer_decay));
  require_share(options.beta1, "beta1");
  require_share(options.beta2, "beta2");
  require_at_least(options.panel_images, 0, "panel_images");
  require(std::ranges::all_of(options.recompute,
                              [](std::int64_t stage) { return stage >= 1 && stage <= 3; }),
          "--recompute takes numbers of stages, 1 to 3");
}

}  // namespace convmae
