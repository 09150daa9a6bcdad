#include "convmae/detect/detect_options.h"

#include "convmae/base/quote.h"
#include "convmae/checkpoint/first_convolution.h"
#include "convmae/train/option_checks.h"

#include <algorithm>
#include <cmath>

namespace convmae {
namespace {

constexpr double kWarmupStart = 0.001;  // of the peak, in both published schedules

void require_pair(const std::string& images, const std::string& images_flag,
                  const std::string& annotations, const std::string& annotations_flag) {
  require(images.empty() || !annotations.empty(), annotations_flag +
                                                      " is missing: give what the images of " +
                                                      images_flag + " show, as COCO's JSON");
  require(annotations.empty() || !images.empty(),
          images_flag + " is missing: give the folder of the images in " + annotations_flag);
}

}  // namespace

DetectOptions::DetectOptions() {
  data_flag = "--images";
  eval_data_flag = "--eval_images";
  batch_size = 32;
  epochs = 25;
  warmup_share = 0.005;
  blr = 6.4e-4;  // 8e-5 at 32 images a step
  min_lr = 0;
  weight_decay = 0.1;
}

void resolve(DetectOptions& options) {
  make_absolute(options.annotations);
  make_absolute(options.eval_annotations);
  // What stands in every checkpoint of the run about its encoder and its images.
  options.model_config.encoder = options.detector.encoder;
  options.schedule = {
      .decay = options.lr_schedule == "step" ? Decay::drops : Decay::cosine,
      .warmup = Warmup::line,
      .warmup_start = kWarmupStart,
      .drops = options.lr_drops,
  };
  resolve_training(options);
}

void validate(const DetectOptions& options) {
  validate(options.detector);
  const Size size = options.detector.encoder.img_size;
  require(size.height == size.width, "--input_size must be one number, found " + size_text(size) +
                                         ": images of all shapes are fitted into a square");
  validate_training(options);
  require_pair(options.data, "--images", options.annotations, "--annotations");
  require_pair(options.eval_data, "--eval_images", options.eval_annotations, "--eval_annotations");
  parse_in_chans_init(options.in_chans_init);
  require(options.jitter.size() == 2 && options.jitter[0] > 0 &&
              options.jitter[0] <= options.jitter[1] && options.jitter[1] <= 100,
          "--jitter takes two factors in ascending order, above 0 and at most 100, such as 0.1 2");
  require(
      options.layer_decay > 0 && options.layer_decay <= 1,
      "--layer_decay must be above 0 and at most 1, found " + std::to_string(options.layer_decay));
  require_share(options.drop_path, "drop_path");
  require_share(options.beta1, "beta1");
  require_share(options.beta2, "beta2");
  require(options.lr_schedule == "cosine" || options.lr_schedule == "step",
          "--lr_schedule must be cosine or step, found " + quote(options.lr_schedule));
  require(
      std::ranges::all_of(options.lr_drops, [](double share) { return share > 0 && share <= 1; }),
      "--lr_drops takes shares of the run, above 0 and at most 1");
  require(options.best_by == "box_ap" || options.best_by == "mask_ap",
          "--best_by must be box_ap or mask_ap, found " + quote(options.best_by));
  require(options.best_by == "box_ap" || options.detector.roi.masks,
          "--best_by mask_ap needs a detector with masks: leave out --no_masks");
}

}  // namespace convmae
