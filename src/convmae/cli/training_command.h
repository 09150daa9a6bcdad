#pragma once

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/model_flags.h"
#include "convmae/cli/option_table.h"
#include "convmae/cli/training_flags.h"
#include "convmae/train/run/run_context.h"
#include "convmae/train/run/run_directory.h"
#include "convmae/train/run/run_setup.h"

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>

namespace convmae {

/// A command that trains something: its flags, and the `Options` that they fill.
template <typename Options>
class TrainingCommand {
 public:
  virtual ~TrainingCommand() = default;
  TrainingCommand(const TrainingCommand&) = delete;
  TrainingCommand& operator=(const TrainingCommand&) = delete;

  void run() {
    line_.processes.join(flags_.dist_timeout());
    const std::set<std::string> typed = table_.typed();
    read_configuration();
    const RunContext context{line_.text, [this] { return table_.settings(); }, flags_.json(),
                             [&typed](const char* flag) { return typed.contains(flag); },
                             line_.processes.group()};
    line_.exit_code = train(context);
  }

 protected:
  TrainingCommand(CLI::App& command, CommandLine& line, TrainingFlags::Wording wording)
      : app_(command),
        command_(command_words(command)),
        table_(command),
        flags_(table_, options_, config_, std::move(wording)),
        line_(line) {}

  void add_model(ModelFlags::Part part) {
    model_.emplace(table_, options_.model, options_.model_config, part);
    in_chans_ = app_.get_option("--in_chans");
  }
  /// What a file of weights says, without the statistics of its channels if others were typed.
  nlohmann::ordered_json settings_for_channels(nlohmann::ordered_json settings) const {
    if (in_chans_->count() > 0 &&
        settings.at("in_chans") != options_.model_config.encoder.in_chans) {
      settings.erase("mean");
      settings.erase("std");
    }
    return settings;
  }
  /// With all that was given: what a command makes of it beside the model's encoder.
  virtual void settle_model() {}
  /// What --init's file, which is given, says of options that were not; an object.
  virtual nlohmann::ordered_json settings_of_init() const = 0;
  /// Returns the exit code.
  virtual int train(const RunContext& context) = 0;

  CLI::App& app_;
  std::string command_;
  Options options_;
  OptionTable table_;
  TrainingFlags flags_;

 private:
  /// Brings together the command line, a configuration file, the file of weights and the preset of
  /// the model.
  void read_configuration() {
    table_.check_choices();
    // A model or method that was typed replaces the sizes that a file has for another one.
    const std::set<std::string> set_aside = model_->set_aside();
    settle_resume();
    read_configuration_file(set_aside);
    if (options_.overwrite) keep_init();
    if (options_.resume.empty() && !options_.init.empty()) {
      table_.read_defaults(settings_of_init(), options_.init, set_aside);
    }
    model_->resolve();
    settle_model();
  }

  /// The first process alone looks at what a run has written.
  void settle_resume() {
    const auto found = [this] { return std::string(flags_.finds_run() ? "yes" : ""); };
    flags_.settle_resume(!line_.processes.only_first(found).empty());
  }

  void read_configuration_file(const std::set<std::string>& set_aside) {
    const std::string file = line_.processes.only_first([this] { return flags_.configuration(); });
    if (file.empty()) return;
    const std::string text = line_.processes.only_first([&] {
      if (!options_.resume.empty()) require_own_run(file);
      return read_configuration_text(file);
    });
    table_.read_config(text, file, set_aside);
  }

  /// Throws UserError if --resume names a run of another command.
  void require_own_run(const std::string& config) const {
    const std::string command = command_of_config(config);
    if (command.empty() || command == command_) return;
    const std::filesystem::path run = std::filesystem::path(config).parent_path();
    throw UserError(quote(run.string()) + " is a run of `convmae " + command +
                    "`: continue it with `convmae " + command + " --resume " +
                    shell_word(run.string()) + "`, or start one of `convmae " + command_ +
                    "` from its weights with --init " +
                    shell_word(RunPaths{run}.weights().string()));
  }

  /// Throws UserError if --overwrite would delete what --init names.
  void keep_init() const {
    std::error_code ignored;
    const RunPaths run{std::filesystem::weakly_canonical(options_.out, ignored)};
    const auto init = std::filesystem::weakly_canonical(options_.init, ignored);
    if (init != run.weights() && init.parent_path() != run.checkpoints()) return;
    throw UserError("--init names a file of the run that --overwrite deletes: move " +
                    quote(options_.init) + " out of it first");
  }

  CommandLine& line_;
  std::string config_;
  std::optional<ModelFlags> model_;
  const CLI::Option* in_chans_ = nullptr;
};

}  // namespace convmae
