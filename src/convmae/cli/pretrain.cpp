#include "convmae/pretrain/pretrain.h"

#include "convmae/checkpoint/handover.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/training_command.h"

namespace convmae {
namespace {

class PretrainCommand : public TrainingCommand<PretrainOptions> {
 public:
  PretrainCommand(CLI::App& command, CommandLine& line)
      : TrainingCommand(command, line,
                        {.init = "init",
                         .data = "Images: a folder (with or without classes), a list, IDX files or "
                                 "tar shards",
                         .eval_data = "Held-out images: their loss is measured with fixed masks",
                         .eval_every_epochs = "Measure the held-out loss"}) {
    flags_.add_places();
    // Not --resume, which continues a run of this program exactly and in place: this starts a new
    // run, whose configuration then says where it came from.
    table_.add("init_optimizer", options_.init_optimizer,
               "Go on from --init's optimizer state, epoch and settings (a published checkpoint)");
    add_model(ModelFlags::Part::pretraining);
    flags_.add_images();
    flags_.add_optimisation();
    table_.add("beta1", options_.beta1, "AdamW");
    table_.add("beta2", options_.beta2, "AdamW");
    flags_.add_saving();
    table_.add("panel_every_epochs", options_.panel_every_epochs,
               "Draw reconstructions; 0: about ten times a run");
    table_.add("panel_images", options_.panel_images, "Images in them; 0: draw none");
    table_.add("probe_every", options_.probe_every,
               "Epochs between scores of the features by nearest neighbours; 0: never");
    table_.add("probe_data", options_.probe_data,
               "Held-out images with classes for that score [those of --eval_data]");
    flags_.add_machine();
  }

 private:
  nlohmann::ordered_json settings_of_init() const override {
    return options_.init_optimizer ? Handover(options_.init).settings()
                                   : nlohmann::ordered_json::object();
  }
  int train(const RunContext& context) override { return pretrain(options_, context); }
};

}  // namespace

void add_pretrain(CLI::App& app, CommandLine& line) {
  CLI::App& command =
      add_command<PretrainCommand>(app, "pretrain", "Pretrain a model on a folder of images", line);
  add_example(command, "convmae pretrain --data photos --out run --model nano --epochs 20");
}

}  // namespace convmae
