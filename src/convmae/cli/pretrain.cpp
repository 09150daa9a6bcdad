#include "convmae/train/pretrain.h"

#include "convmae/cli/command_line.h"
#include "convmae/cli/model_flags.h"
#include "convmae/cli/option_table.h"
#include "convmae/cli/training_flags.h"
#include "convmae/train/handover.h"

#include <CLI/CLI.hpp>

#include <optional>
#include <set>
#include <string>

namespace convmae {
namespace {

/// The command's flags and the options that they fill.
class PretrainCommand {
 public:
  PretrainCommand(CLI::App& command, CommandLine& line)
      : line_(line),
        table_(command),
        flags_(table_, options_, config_,
               {.init = "init",
                .data = "Images: a folder (with or without classes), a list, IDX files or tar "
                        "shards",
                .eval_data = "Held-out images: their loss is measured with fixed masks",
                .eval_every_epochs = "Measure the held-out loss"}) {
    flags_.add_places();
    // Not --resume, which continues a run of this program exactly and in place: this starts a new
    // run, whose configuration then says where it came from.
    table_.add("init_optimizer", options_.init_optimizer,
               "Go on from --init's optimizer state, epoch and settings (a published checkpoint)");
    model_.emplace(table_, options_.model, options_.model_config);
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

  void run() {
    read_configuration();
    const RunContext context{line_.text, [this] { return table_.settings(); }};
    line_.exit_code = pretrain(options_, context);
  }

 private:
  /// Brings together the command line, a configuration file, the file of weights and the preset of
  /// the model.
  void read_configuration() {
    // A model or method that was typed replaces the sizes that a file has for another one.
    const std::set<std::string> set_aside = model_->set_aside();
    if (const std::string file = flags_.configuration(); !file.empty()) {
      table_.read_config(file, set_aside);
    }
    if (options_.resume.empty() && options_.init_optimizer && !options_.init.empty()) {
      table_.read_defaults(Handover(options_.init).settings(), options_.init, set_aside);
    }
    model_->resolve();
  }

  CommandLine& line_;
  PretrainOptions options_;
  std::string config_;
  OptionTable table_;
  TrainingFlags flags_;
  std::optional<ModelFlags> model_;
};

}  // namespace

void add_pretrain(CLI::App& app, CommandLine& line) {
  add_command<PretrainCommand>(app, "pretrain", "Pretrain a model on a folder of images", line);
}

}  // namespace convmae
