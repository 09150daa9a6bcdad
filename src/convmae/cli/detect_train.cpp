#include "convmae/cli/command_line.h"
#include "convmae/cli/detector_flags.h"
#include "convmae/cli/help.h"
#include "convmae/cli/training_command.h"
#include "convmae/detect/detector_init.h"
#include "convmae/detect/train_detector.h"

#include <CLI/CLI.hpp>

namespace convmae {
namespace {

class DetectTrainCommand : public TrainingCommand<DetectOptions> {
 public:
  DetectTrainCommand(CLI::App& command, CommandLine& line)
      : TrainingCommand(
            command, line,
            {.init = "init",
             .data = "Folder of the training images",
             .eval_data = "Folder of held-out images",
             .eval_every_epochs = "Find objects in the held-out images",
             .data_names = "images",
             .eval_data_names = "eval_images",
             .weight_decay = "Of all but norms of PyTorch's own and tables of positions",
             .warmup = "0.5 % of the run"}) {
    flags_.add_places();
    mark_required(table_.add("annotations", options_.annotations,
                             "What the training images show, as COCO's JSON"));
    table_.add("eval_annotations", options_.eval_annotations,
               "What the held-out images show, the same");
    table_.add("keep_empty", options_.keep_empty, "Train on images without objects too");
    table_.add("in_chans_init", options_.in_chans_init,
               "First convolution of --init for other channels: mean, repeat or random");
    add_model(ModelFlags::Part::dense);
    detector_.emplace(table_, command, options_.preset, options_.detector);

    flags_.add_normalisation();
    table_.add("jitter", options_.jitter, "Bounds of the factor on an image's size");
    table_.add("flip", options_.flip, "Mirror half of the images");
    flags_.add_reading();

    flags_.add_optimisation();
    table_.add("lr_schedule", options_.lr_schedule,
               "cosine, or step: a tenth at each of --lr_drops; from the run's beginning, which a "
               "line of warm-up replaces");
    table_.add("lr_drops", options_.lr_drops, "Where that is, as shares of the run");
    table_.add("layer_decay", options_.layer_decay, "Factor on the learning rate, layer by layer");
    table_.add("drop_path", options_.drop_path, "Stochastic depth of the last block");
    table_.add("beta1", options_.beta1, "AdamW");
    table_.add("beta2", options_.beta2, "AdamW");
    table_.add("recompute", options_.recompute,
               "Keep no activations of the encoder: less memory for more time");

    flags_.add_saving();
    table_.add("best_by", options_.best_by,
               "What the best checkpoint has most of: box_ap, mask_ap");
    flags_.add_machine();
  }

 private:
  void settle_model() override { detector_->resolve(options_.model_config.encoder); }

  nlohmann::ordered_json settings_of_init() const override {
    return settings_for_channels(detector_settings(options_.init));
  }

  int train(const RunContext& context) override { return train_detector(options_, context); }

  std::optional<DetectorFlags> detector_;
};

}  // namespace

void add_detect_train(CLI::App& detect, CommandLine& line) {
  CLI::App& command = add_command<DetectTrainCommand>(
      detect, "train", "Train a detector, from pretrained weights, another detector or scratch",
      line);
  add_example(command,
              "convmae detect train --images images --annotations annotations.json --init "
              "run/weights.safetensors --out detector");
}

}  // namespace convmae
