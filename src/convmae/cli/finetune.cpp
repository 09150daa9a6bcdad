#include "convmae/classify/finetune.h"

#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/training_command.h"

#include <CLI/CLI.hpp>

namespace convmae {
namespace {

/// What the commands that train a classifier have in common.
template <typename Options>
class ClassifierCommand : public TrainingCommand<Options> {
 protected:
  using TrainingCommand<Options>::flags_;
  using TrainingCommand<Options>::options_;
  using TrainingCommand<Options>::table_;

  ClassifierCommand(CLI::App& command, CommandLine& line)
      : TrainingCommand<Options>(
            command, line,
            {.init = "init,finetune",
             .data = "Training images: a folder with a folder for each class, a list with labels, "
                     "or IDX files",
             .eval_data = "Held-out images of the same classes",
             .eval_every_epochs = "Evaluate the held-out images"}) {
    flags_.add_places();
    table_.add("in_chans_init", options_.in_chans_init,
               "First convolution of --init for other channels: mean, repeat or random");
    this->add_model(ModelFlags::Part::encoder);
    table_.add("pool", options_.pool, "Tokens to one vector: mean, or token (the first one)");
    flags_.add_images();
  }

  void add_the_rest() {
    flags_.add_saving();
    flags_.add_machine();
  }

 private:
  nlohmann::ordered_json settings_of_init() const override {
    return this->settings_for_channels(encoder_settings(options_.init));
  }
};

class FinetuneCommand : public ClassifierCommand<FinetuneOptions> {
 public:
  FinetuneCommand(CLI::App& command, CommandLine& line) : ClassifierCommand(command, line) {
    table_.group("Augmentation");
    table_.add("aa", options_.aa, "RandAugment as timm spells it, or none");
    table_.add("reprob", options_.reprob, "Probability of random erasing");
    table_.add("mixup", options_.mixup, "Alpha of mixup; 0: off");
    table_.add("cutmix", options_.cutmix, "Alpha of CutMix; 0: off");
    table_.add("mixup_prob", options_.mixup_prob, "Probability of mixing at all");
    table_.add("mixup_switch_prob", options_.mixup_switch_prob, "Share of CutMix among both");
    table_.add("mixup_mode", options_.mixup_mode, "Who shares a draw: batch, pair or element");
    table_.add("mixup_group", options_.mixup_group,
               "Consecutive images that are mixed with each other; 0: the batch");
    table_.add("smoothing", options_.smoothing, "Label smoothing");
    flags_.add_optimisation();
    table_.add("layer_decay", options_.layer_decay, "Factor on the learning rate, layer by layer");
    table_.add("drop_path", options_.drop_path, "Stochastic depth of the last block");
    table_.add("beta1", options_.beta1, "AdamW");
    table_.add("beta2", options_.beta2, "AdamW");
    table_.add("model_ema_decay", options_.model_ema_decay,
               "Average the weights, and evaluate and save the average; 0: off");
    add_the_rest();
  }

 private:
  int train(const RunContext& context) override { return finetune(options_, context); }
};

class LinprobeCommand : public ClassifierCommand<LinprobeOptions> {
 public:
  LinprobeCommand(CLI::App& command, CommandLine& line) : ClassifierCommand(command, line) {
    table_.add("features_cached", options_.features_cached,
               "Compute the features of all images once, without augmentation");
    flags_.add_optimisation();
    add_the_rest();
  }

 private:
  int train(const RunContext& context) override { return linprobe(options_, context); }
};

}  // namespace

void add_finetune(CLI::App& app, CommandLine& line) {
  CLI::App& command = add_command<FinetuneCommand>(
      app, "finetune", "Train a classifier, from pretrained weights or from scratch", line);
  add_example(command,
              "convmae finetune --data photos --init run/weights.safetensors --out classifier");
}

void add_linprobe(CLI::App& app, CommandLine& line) {
  CLI::App& command = add_command<LinprobeCommand>(
      app, "linprobe", "Train a linear classifier on a pretrained encoder that stays as it is",
      line);
  add_example(command, "convmae linprobe --data photos --init run/weights.safetensors --out probe");
}

}  // namespace convmae
