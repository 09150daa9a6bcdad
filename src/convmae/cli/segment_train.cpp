#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/label_flags.h"
#include "convmae/cli/training_command.h"
#include "convmae/segment/segmentor_init.h"
#include "convmae/segment/train_segmentor.h"

#include <CLI/CLI.hpp>

#include <string>

namespace convmae {
namespace {

constexpr std::int64_t kPublishedSteps = 160'000;
constexpr double kPublishedWarmup = 1'500;

class SegmentTrainCommand : public TrainingCommand<SegmentOptions> {
 public:
  SegmentTrainCommand(CLI::App& command, CommandLine& line)
      : TrainingCommand(
            command, line,
            {.init = "init",
             .data = "Images with labels: a folder with images and annotations in it, a list of "
                     "pairs, or a folder of images beside --labels",
             .eval_data = "Held-out images with labels; of a folder with both parts, this one",
             .eval_every_epochs = "Evaluate the held-out images",
             .weight_decay = "Of weights and tables of positions; norms and biases have none",
             .warmup = "1500 steps of 160000"}) {
    flags_.add_places();
    table_.add("labels", options_.labels, "Folder of label files, where --data is one of images");
    table_.add("eval_labels", options_.eval_labels, "The same of --eval_data");
    add_label_flags(table_, options_.scheme);
    table_.add("in_chans_init", options_.in_chans_init,
               "First convolution of --init for other channels: mean, repeat or random");
    add_model(ModelFlags::Part::dense);
    input_size_ = command.get_option("--input_size");
    add_head();
    add_augmentation();
    table_.group("Loss");
    table_.add("loss_average", options_.loss_average,
               "Over all pixels, as published, or over valid ones");
    table_.add("class_weights", options_.class_weights,
               "File of a weight for each class, or balanced: classes count alike");
    flags_.add_optimisation();
    epochs_ = command.get_option("--epochs")->default_str("");
    steps_ = command.get_option("--steps")->default_str(std::to_string(kPublishedSteps));
    warmup_epochs_ = command.get_option("--warmup_epochs");
    warmup_steps_ = command.get_option("--warmup_steps");
    table_.add("layer_decay", options_.layer_decay, "Factor on the learning rate, layer by layer");
    table_.add("beta1", options_.beta1, "AdamW");
    table_.add("beta2", options_.beta2, "AdamW");
    table_.add("recompute", options_.recompute,
               "Stages, such as 1 2, whose activations are computed twice instead of kept");
    flags_.add_saving();
    table_.add("stride", options_.stride,
               "From one window to the next in held-out images; 0: two thirds of the crop");
    table_.add("mirror", options_.mirror, "Average over the mirrored image too");
    table_.add("original_size", options_.original_size,
               "Look at held-out images at their own size");
    table_.add("panel_images", options_.panel_images, "Held-out images in each picture; 0: none");
    flags_.add_machine();
  }

 private:
  void add_head() {
    SegmentorConfig& segmentor = options_.segmentor;
    table_.add_parsed(
        "relative_position",
        [&segmentor](const std::string& name) {
          segmentor.relative_position = parse_relative_position(name);
        },
        [&segmentor] { return to_string(segmentor.relative_position); },
        "Tables of relative positions: none, per_block or shared");
    table_.add("layer_scale", segmentor.layer_scale, "What layer scale starts with; 0: none");
    table_.add("drop_path", segmentor.drop_path, "Stochastic depth of the last block");
    head_channels_ = table_.add("head_channels", segmentor.channels,
                                "Width of the head; by itself that of the last stage");
    table_.add("head_maps", segmentor.maps,
               "Maps that the head reads: 0, 1, 2 of the stages, 3 at half the last's resolution");
    table_.add_or_none("pool_scales", segmentor.pool_scales, "Bins of the pyramid pooling");
    table_.add("aux_channels", segmentor.aux_channels, "Width of the auxiliary head; 0: none");
    table_.add("aux_map", segmentor.aux_map, "The map that it reads");
    table_.add("aux_weight", segmentor.aux_weight, "Of its loss");
    table_.add("dropout", segmentor.dropout, "Share of channels left out before the last layer");
  }

  void add_augmentation() {
    flags_.add_normalisation();
    table_.add("bounds", options_.bounds,
               "Images are resized to the largest size with sides within these two");
    table_.add("ratio_range", options_.ratio_range, "In training times a factor from this range");
    table_.add("cat_max_ratio", options_.cat_max_ratio,
               "Most of a crop that may be of one class; 1: any crop");
    table_.add("flip", options_.flip, "Mirror half of the images");
    table_.add("distort", options_.distort, "Change brightness, contrast, saturation and hue");
    flags_.add_reading();
  }

  void settle_model() override {
    EncoderConfig& encoder = options_.model_config.encoder;
    if (input_size_->count() == 0) encoder.img_size = SegmentorConfig().encoder.img_size;
    if (head_channels_->count() == 0) options_.segmentor.channels = encoder.embed_dim.back();
    if (epochs_->count() + steps_->count() > 0) return;
    options_.steps = kPublishedSteps;
    if (warmup_epochs_->count() + warmup_steps_->count() > 0) return;
    options_.warmup_steps = kPublishedWarmup;
  }

  nlohmann::ordered_json settings_of_init() const override {
    return settings_for_channels(segmentor_settings(options_.init));
  }

  int train(const RunContext& context) override { return train_segmentor(options_, context); }

  const CLI::Option* input_size_ = nullptr;
  const CLI::Option* head_channels_ = nullptr;
  const CLI::Option* epochs_ = nullptr;
  const CLI::Option* steps_ = nullptr;
  const CLI::Option* warmup_epochs_ = nullptr;
  const CLI::Option* warmup_steps_ = nullptr;
};

}  // namespace

void add_segment_train(CLI::App& segment, CommandLine& line) {
  CLI::App& command = add_command<SegmentTrainCommand>(
      segment, "train", "Train a segmentor, from pretrained weights or from scratch", line);
  add_example(
      command,
      "convmae segment train --data scenes --classes classes.txt --init run/weights.safetensors "
      "--out segmentor");
}

}  // namespace convmae
