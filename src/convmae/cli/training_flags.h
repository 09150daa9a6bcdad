#pragma once

#include "convmae/cli/option_table.h"
#include "convmae/train/training_options.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace convmae {

/// The flags that every command has that trains something, in the groups of --help.
class TrainingFlags {
 public:
  /// Where the commands differ: the names of --init, and texts of --help.
  struct Wording {
    std::string init;
    std::string data;
    std::string eval_data;
    std::string eval_every_epochs;
    std::string data_names = "data,data_path";
    std::string eval_data_names = "eval_data";
    std::string weight_decay = "Of weights; norms and biases have none";
    std::string warmup = "a tenth, at most 40";
  };

  /// They fill `options` and `config`, which outlive this object.
  TrainingFlags(OptionTable& table, TrainingOptions& options, std::string& config, Wording wording)
      : table_(table), options_(options), config_(config), wording_(std::move(wording)) {}

  void add_places();
  /// All about images of one size.
  void add_images();
  /// Of these, what holds for images of any task: in and after the group.
  void add_normalisation();
  void add_reading();
  void add_optimisation();
  void add_saving();
  void add_machine();

  bool json() const { return json_; }

  std::chrono::seconds dist_timeout() const { return std::chrono::seconds(dist_timeout_); }

  /// `--resume auto`: whether there is a run in --out to continue; else a new one is to be started.
  bool finds_run() const;
  /// Makes --resume auto one of the two.
  void settle_resume(bool found);
  /// The configuration file to read: --config, or that of the run that is continued; empty for
  /// none. Throws UserError for flags that exclude each other.
  std::string configuration() const;

 private:
  OptionTable& table_;
  TrainingOptions& options_;
  std::string& config_;
  Wording wording_;
  bool json_ = false;
  std::int64_t dist_timeout_ = 300;
};

}  // namespace convmae
