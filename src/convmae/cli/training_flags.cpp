#include "convmae/cli/training_flags.h"

#include "convmae/base/error.h"
#include "convmae/cli/help.h"
#include "convmae/cli/inference.h"
#include "convmae/train/run/run_directory.h"

#include <filesystem>
#include <utility>

namespace convmae {
namespace {

constexpr const char* kAuto = "auto";

}  // namespace

void TrainingFlags::add_places() {
  table_.group("Where things are");
  mark_required(table_.add(wording_.data_names, options_.data, wording_.data));
  mark_required(
      table_.add_command_line_only("out,output_dir", options_.out, "Directory of the new run"));
  table_.add_command_line_only("resume", options_.resume,
                               "Instead of these two: the directory of a run to continue exactly "
                               "where it stopped, or a checkpoint in it to go back to; beside "
                               "them, auto: continue the run in --out, or start it");
  table_.add(wording_.init, options_.init, "File of weights to start from: safetensors or .pth");
  table_.add(wording_.eval_data_names, options_.eval_data, wording_.eval_data);
  table_.add_command_line_only("config", config_,
                               "TOML file with flag names as keys; flags go before it");
  table_.add_command_line_only("overwrite", options_.overwrite,
                               "Delete the run that --out holds, and nothing else");
}

void TrainingFlags::add_images() {
  add_normalisation();
  table_.add("crop_scale", options_.crop_scale, "Bounds of the cropped share of the area");
  table_.add("flip", options_.flip, "Mirror half of the images");
  table_.add("exif_orientation", options_.exif_orientation, "Turn images as EXIF says");
  table_.add("fast_decode", options_.fast_decode,
             "Decode JPEG and resize in less time, to slightly other pixels");
  add_reading();
}

void TrainingFlags::add_normalisation() {
  table_.group("Images");
  table_.add("mean", options_.mean, "Mean of each channel, of values in 0..1");
  table_.add("std", options_.std, "Standard deviation of each channel");
}

void TrainingFlags::add_reading() {
  add_max_pixels(table_, options_.max_pixels);
  table_.add("on_bad_sample", options_.on_bad_sample,
             "Undecodable images: skip (list them, train on others instead, evaluate without) or "
             "error");
  table_.add("max_bad_share", options_.max_bad_share, "Share of bad images that stops the run");
  table_.add("num_workers", options_.num_workers, "Threads that load images; -1: by CPUs");
}

void TrainingFlags::add_optimisation() {
  table_.group("Optimisation");
  table_.add("batch_size", options_.batch_size, "Images of a micro-batch, in each process");
  table_.add("accum_iter", options_.accum_iter, "Micro-batches of an optimizer step");
  table_.add("global_batch_size", options_.global_batch_size,
             "Images of a step in all processes, instead of accum_iter");
  table_.add_choice("accum_iter", "global_batch_size", "how many images a step has");
  table_.add("epochs", options_.epochs, "Passes over the images");
  table_.add("steps", options_.steps, "Optimizer steps of the run, instead of --epochs");
  table_.add_choice("epochs", "steps", "how long the run is");
  const std::string warmup_default = options_.warmup_epochs ? "" : " [" + wording_.warmup + "]";
  table_.add("warmup_epochs", options_.warmup_epochs, "Epochs of linear warm-up" + warmup_default);
  table_.add("warmup_steps", options_.warmup_steps, "The same in steps, instead");
  table_.add_choice("warmup_epochs", "warmup_steps", "how long the warm-up is");
  table_.add("blr", options_.blr, "Base learning rate: lr = blr * images a step / 256");
  table_.add("lr", options_.lr, "Peak learning rate, instead of blr");
  table_.add("min_lr", options_.min_lr, "Learning rate at the end");
  table_.add("weight_decay", options_.weight_decay, wording_.weight_decay);
  table_.add("clip_grad", options_.clip_grad, "Largest norm of the gradient; 0: no limit");
  table_.add("max_skipped_steps", options_.max_skipped_steps,
             "Give up after so many non-finite steps in a row; 0: never");
}

void TrainingFlags::add_saving() {
  table_.group("Saving and evaluating");
  table_.add("save_every_epochs", options_.save_every_epochs,
             "0: only at the end, and before held-out images are evaluated");
  table_.add("save_every_steps", options_.save_every_steps, "0: never");
  table_.add("keep_last", options_.keep_last, "Checkpoints that stay, beside the best");
  table_.add("max_minutes", options_.max_minutes,
             "End in good order within this time; 0: no limit");
  table_.add("eval_every_epochs", options_.eval_every_epochs, wording_.eval_every_epochs);
  table_.add("eval_every_steps", options_.eval_every_steps, "The same by steps, instead");
  table_.add_choice("eval_every_epochs", "eval_every_steps", "when held-out images are evaluated");
  table_.add("patience", options_.patience,
             "End after so many evaluations without a better score; 0: never");
}

void TrainingFlags::add_machine() {
  table_.group("Machine");
  table_.add("seed", options_.seed, "Decides every random draw");
  table_.add("device", options_.device,
             "auto, cpu, cuda or cuda:NUMBER; auto: a GPU if there is one");
  table_.add("threads", options_.threads, "Threads that compute; 0: one a CPU");
  table_.add("gemm", options_.gemm, "Matrix products on a CPU: auto, aten, onednn or native");
  table_.add(
      "precision", options_.precision,
      "fp32, bf16: faster, where the CPU has it, or fast: bf16 if it has; auto: bf16 on a GPU");
  table_.add("kernel", options_.kernel,
             "own, or reference: the library's operators in place of ours");
  table_.add_command_line_only("dist_timeout", dist_timeout_,
                               "Seconds in which another process must answer");
  table_.add_command_line_only("json", json_, "Print JSON at the end");
}

bool TrainingFlags::finds_run() const {
  if (options_.resume != kAuto) return false;
  if (options_.out.empty()) {
    throw UserError("--resume auto continues or starts the run in --out, which is missing");
  }
  return can_resume(options_.out);
}

void TrainingFlags::settle_resume(bool found) {
  if (options_.resume != kAuto) return;
  options_.resume.clear();
  if (!found) return;
  // It has a configuration of its own.
  options_.resume = std::exchange(options_.out, "");
  config_.clear();
  options_.overwrite = false;
}

std::string TrainingFlags::configuration() const {
  if (options_.resume.empty()) return config_;
  if (!options_.out.empty() || !config_.empty() || options_.overwrite) {
    throw UserError(
        "--resume continues a run in its own directory with its own configuration: leave out "
        "--out, --config and --overwrite");
  }
  const std::filesystem::path file = RunPaths{place_to_resume(options_.resume).run}.config();
  std::error_code ignored;
  return std::filesystem::exists(file, ignored) ? file.string() : "";
}

}  // namespace convmae
