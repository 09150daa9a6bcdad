#pragma once

#include "convmae/cli/processes.h"

#include <CLI/App.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// What every command needs to know of how it was called, and what it hands back.
struct CommandLine {
  std::string text;  ///< as it could be typed again
  int exit_code = 0;
  Processes processes{};
};

/// The arguments behind the program's name in the order that CLI11 takes them (last first), flags
/// with `_` where `-` was typed: --mask-ratio is --mask_ratio. Words behind a list of numbers that
/// are none go before its flag, where CLI11 does not take them for a part of the list:
/// `knn --k 20 200 photos`. What stands behind a command that starts another one is left as it is.
std::vector<std::string> normalised_arguments(const CLI::App& app, int argc,
                                              const char* const* argv);
/// Lets the last value of a flag count where it is given more than once, for all flags of `app` and
/// of its commands. A list is then as it stands behind the last one.
void let_last_value_count(CLI::App& app);
/// The words of a command: "pretrain", "detect train".
std::string command_words(const CLI::App& command);
/// All arguments, quoted where a shell needs it.
std::string command_text(int argc, const char* const* argv);

/// Adds a command to `app`. A `Command` is made of the CLI::App that gets its flags and of `more`,
/// and has a function `run`.
template <typename Command, typename... More>
CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& description,
                      More&&... more) {
  CLI::App* const command = app.add_subcommand(name, description);
  const auto state = std::make_shared<Command>(*command, more...);
  command->callback([state] { state->run(); });
  return *command;
}

/// The images of a command, as a word behind it or with --data; `help` says what they have to be.
/// Returns what is to be called before `data` is used, when all flags are known: it throws
/// UserError unless they were given in one of the two ways.
std::function<void()> add_data(CLI::App& command, std::string& data, const std::string& help);

// The commands. Each adds itself to `app`; its callback runs it.
void add_pretrain(CLI::App& app, CommandLine& line);
void add_finetune(CLI::App& app, CommandLine& line);
void add_linprobe(CLI::App& app, CommandLine& line);
void add_eval(CLI::App& app, CommandLine& line);
void add_predict(CLI::App& app, CommandLine& line);
void add_reconstruct(CLI::App& app, CommandLine& line);
void add_info(CLI::App& app);
void add_bench(CLI::App& app);
// The parts of `bench`.
void add_bench_steps(CLI::App& bench);
void add_bench_ops(CLI::App& bench);
void add_bench_data(CLI::App& bench);
void add_bench_weights(CLI::App& bench);
void add_detect(CLI::App& app, CommandLine& line);
// The parts of `detect`.
void add_detect_train(CLI::App& detect, CommandLine& line);
void add_detect_predict(CLI::App& detect, CommandLine& line);
void add_detect_eval(CLI::App& detect, CommandLine& line);
void add_detect_check(CLI::App& detect, CommandLine& line);
void add_segment(CLI::App& app, CommandLine& line);
// The parts of `segment`.
void add_segment_check(CLI::App& segment, CommandLine& line);
void add_segment_train(CLI::App& segment, CommandLine& line);
void add_segment_eval(CLI::App& segment, CommandLine& line);
void add_segment_predict(CLI::App& segment, CommandLine& line);
void add_inspect(CLI::App& app);
void add_convert(CLI::App& app);
void add_export(CLI::App& app);
void add_features(CLI::App& app, CommandLine& line);
void add_knn(CLI::App& app, CommandLine& line);
void add_stats(CLI::App& app);
void add_compare(CLI::App& app);
void add_study(CLI::App& app, CommandLine& line);
void add_launch(CLI::App& app, CommandLine& line);

}  // namespace convmae
