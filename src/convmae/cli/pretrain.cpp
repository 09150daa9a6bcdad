#include "convmae/train/pretrain.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/model_flags.h"
#include "convmae/cli/option_table.h"
#include "convmae/train/handover.h"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <set>

namespace convmae {
namespace {

/// The command's flags and the options that they fill.
class PretrainCommand {
 public:
  PretrainCommand(CLI::App& command, CommandLine& line) : line_(line), table_(command) {
    add_places();
    model_.emplace(table_, options_.model, options_.model_config);
    add_images();
    add_optimisation();
    add_saving();
    add_machine();
  }

  void run() {
    read_configuration();
    const RunContext context{line_.text, [this] { return table_.settings(); }};
    line_.exit_code = pretrain(options_, context);
  }

 private:
  void add_places() {
    table_.group("Where things are");
    table_.add("data,data_path", options_.data,
               "Images: a folder (with or without classes), a list, IDX files or tar shards");
    table_.add_command_line_only("out,output_dir", options_.out, "Directory of the new run");
    table_.add_command_line_only("resume", options_.resume,
                                 "Directory of a run to continue exactly where it stopped");
    table_.add("init", options_.init, "File of weights to start from: safetensors or .pth");
    // Not --resume, which continues a run of this program exactly and in place: this starts a new
    // run, whose configuration then says where it came from.
    table_.add("init_optimizer", options_.init_optimizer,
               "Go on from --init's optimizer state, epoch and settings (a published checkpoint)");
    table_.add("eval_data", options_.eval_data,
               "Held-out images: their loss is measured with fixed masks");
    table_.add_command_line_only("config", config_,
                                 "TOML file with flag names as keys; flags go before it");
    table_.add_command_line_only("overwrite", options_.overwrite,
                                 "Delete the run that --out holds");
  }

  void add_images() {
    table_.group("Images");
    table_.add("mean", options_.mean, "Mean of each channel, of values in 0..1");
    table_.add("std", options_.std, "Standard deviation of each channel");
    table_.add("crop_scale", options_.crop_scale, "Bounds of the cropped share of the area");
    table_.add("flip", options_.flip, "Mirror half of the images");
    table_.add("exif_orientation", options_.exif_orientation, "Turn images as EXIF says");
    table_.add("fast_decode", options_.fast_decode,
               "Decode JPEG at a reduced size where the crop allows: faster, other pixels");
    table_.add("on_bad_sample", options_.on_bad_sample,
               "Undecodable images: skip (replace and list them) or error");
    table_.add("max_bad_share", options_.max_bad_share, "Share of bad images that stops the run");
    table_.add("num_workers", options_.num_workers, "Threads that load images; -1: by CPUs");
  }

  void add_optimisation() {
    table_.group("Optimisation");
    table_.add("batch_size", options_.batch_size, "Images of a micro-batch");
    table_.add("accum_iter", options_.accum_iter, "Micro-batches of an optimizer step");
    table_.add("epochs", options_.epochs, "Passes over the images");
    table_.add("warmup_epochs", options_.warmup_epochs,
               "Epochs of linear warm-up [a tenth, at most 40]");
    table_.add("blr", options_.blr, "Base learning rate: lr = blr * images a step / 256");
    table_.add("lr", options_.lr, "Peak learning rate, instead of blr");
    table_.add("min_lr", options_.min_lr, "Learning rate at the end");
    table_.add("weight_decay", options_.weight_decay, "Of weights; norms and biases have none");
    table_.add("beta1", options_.beta1, "AdamW");
    table_.add("beta2", options_.beta2, "AdamW");
    table_.add("clip_grad", options_.clip_grad, "Largest norm of the gradient; 0: no limit");
    table_.add("max_skipped_steps", options_.max_skipped_steps,
               "Give up after so many non-finite steps in a row; 0: never");
  }

  void add_saving() {
    table_.group("Saving and looking");
    table_.add("save_every_epochs", options_.save_every_epochs, "0: only at the end");
    table_.add("save_every_steps", options_.save_every_steps, "0: never");
    table_.add("keep_last", options_.keep_last, "Checkpoints that stay, beside the best");
    table_.add("max_minutes", options_.max_minutes,
               "End in good order within this time; 0: no limit");
    table_.add("eval_every_epochs", options_.eval_every_epochs, "Measure the held-out loss");
    table_.add("panel_every_epochs", options_.panel_every_epochs,
               "Draw reconstructions; 0: about ten times a run");
    table_.add("panel_images", options_.panel_images, "Images in them; 0: draw none");
    table_.add("probe_every", options_.probe_every,
               "Epochs between scores of the features by nearest neighbours; 0: never");
    table_.add("probe_data", options_.probe_data,
               "Held-out images with classes for that score [those of --eval_data]");
  }

  void add_machine() {
    table_.group("Machine");
    table_.add("seed", options_.seed, "Decides every random draw");
    table_.add("threads", options_.threads, "Threads that compute; 0: one a CPU");
    table_.add("gemm", options_.gemm, "Matrix products: auto, aten or onednn");
    table_.add("precision", options_.precision, "fp32, or bf16: faster, where the CPU has it");
  }

  /// Brings together the command line, a configuration file and the preset of the model.
  void read_configuration() {
    const bool resumes = !options_.resume.empty();
    if (resumes && (!options_.out.empty() || !config_.empty() || options_.overwrite)) {
      throw UserError(
          "--resume continues a run in its own directory with its own configuration: leave out "
          "--out, --config and --overwrite");
    }
    std::filesystem::path file = config_;
    if (resumes) {
      file = std::filesystem::path(options_.resume) / "config.toml";
      std::error_code ignored;
      if (!std::filesystem::exists(file, ignored)) file.clear();  // no run: reported later
    }
    // A model or method that was typed replaces the sizes that a file has for another one.
    const std::set<std::string> set_aside = model_->set_aside();
    if (!file.empty()) table_.read_config(file, set_aside);
    if (!resumes && options_.init_optimizer && !options_.init.empty()) {
      table_.read_defaults(Handover(options_.init).settings(), options_.init, set_aside);
    }
    model_->resolve();
  }

  CommandLine& line_;
  PretrainOptions options_;
  std::string config_;
  OptionTable table_;
  std::optional<ModelFlags> model_;
};

}  // namespace

void add_pretrain(CLI::App& app, CommandLine& line) {
  CLI::App* const command =
      app.add_subcommand("pretrain", "Pretrain a model on a folder of images");
  const auto state = std::make_shared<PretrainCommand>(*command, line);
  command->callback([state] { state->run(); });
}

}  // namespace convmae
