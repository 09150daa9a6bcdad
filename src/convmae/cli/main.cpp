#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/standard_streams.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/memory_advice.h"
#include "convmae/cli/process_settings.h"
#include "convmae/io/atomic_file.h"
#include "convmae/train/failure.h"
#include "convmae/train/run/environment.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <csignal>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kUserErrorCode = 2;
constexpr int kInternalErrorCode = 1;

std::string version_text() {
  std::string text = "convmae " + convmae::program_version();
  for (const auto& [name, value] : convmae::environment()) {
    if (name != "version") text.append("\n  ").append(name).append(": ").append(value);
  }
  return text;
}

/// One line about arguments that could not be parsed, with the command that explains them.
std::string parse_message(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  std::string path = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    path += " " + command->get_name();
  }
  const std::string help = "; see " + path + " --help";
  // What is not known comes before what is missing: it may be the missing, misspelt.
  const bool may_be_unknown = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
                              dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  const std::vector<std::string> unknown = command->remaining();
  if (may_be_unknown && !unknown.empty()) {
    const bool is_flag = unknown.front().starts_with("-");
    const char* const kind = is_flag           ? "unknown flag "
                             : command == &app ? "unknown command "
                                               : "unexpected argument ";
    return kind + convmae::brief(unknown.front()) + help;
  }
  return error.what() + help;
}

/// One line on standard error, whatever a message was made of. It is cut only where something that
/// stands in a file without an end got into it.
int fail(const char* kind, std::string_view message, int exit_code) {
  constexpr std::size_t kLongestMessage = 20000;
  std::cerr << "convmae: " << kind << ": " << convmae::brief(message, kLongestMessage) << std::endl;
  return exit_code;
}

int fail(std::string_view message) { return fail("error", message, kUserErrorCode); }

/// What could not be parsed no process could parse: the first one says so.
int fail_to_parse(std::string_view message) {
  const auto launch = convmae::launch_of(convmae::process_environment());
  return launch && launch->rank > 0 ? kUserErrorCode : fail(message);
}

int run(convmae::CommandLine& line, int argc, char** argv) {
  line.text = convmae::command_text(argc, argv);
  CLI::App app("Masked image modelling with a convolutional and transformer encoder", "convmae");
  app.require_subcommand(1);
  app.set_version_flag("--version", version_text);
  convmae::use_help_layout(app);
  convmae::add_example(app, "convmae pretrain --data photos --out run --model nano");
  convmae::add_pretrain(app, line);
  convmae::add_finetune(app, line);
  convmae::add_linprobe(app, line);
  convmae::add_eval(app, line);
  convmae::add_predict(app, line);
  convmae::add_reconstruct(app, line);
  convmae::add_info(app);
  convmae::add_bench(app);
  convmae::add_detect(app, line);
  convmae::add_segment(app, line);
  convmae::add_inspect(app);
  convmae::add_convert(app);
  convmae::add_export(app);
  convmae::add_features(app, line);
  convmae::add_knn(app, line);
  convmae::add_stats(app);
  convmae::add_compare(app);
  convmae::add_study(app, line);
  convmae::add_launch(app, line);
  convmae::add_help(app);
  convmae::let_last_value_count(app);
  try {
    app.parse(convmae::normalised_arguments(app, argc, argv));
    return line.exit_code;
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    return fail_to_parse(parse_message(app, error));
  } catch (const std::exception& error) {
    if (!convmae::is_out_of_memory(error)) throw;
    throw convmae::UserError(convmae::failure_text(error) + ": " + convmae::memory_advice(app));
  }
}

int run_guarded(convmae::CommandLine& line, int argc, char** argv) {
  // Of an error that several processes have at once, or that ends the others, one tells.
  const auto fail = [&line](const char* kind, std::string_view message, int exit_code) {
    return line.processes.tells_error() ? ::fail(kind, message, exit_code) : exit_code;
  };
  const auto fail_user = [&fail](std::string_view message) {
    return fail("error", message, kUserErrorCode);
  };
  try {
    return run(line, argc, argv);
  } catch (const convmae::ProcessLost& lost) {
    return lost.tells() ? fail_user(lost.what()) : kUserErrorCode;
  } catch (const convmae::UserError& error) {
    return fail_user(error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return fail_user("cannot use " + convmae::quote(error.path1().string()) + ": " +
                     error.code().message());
  } catch (const nlohmann::json::exception& error) {
    // What this program writes itself is checked where it is written.
    return fail_user("JSON in one of the files that were given is not as a run writes it (" +
                     std::string(error.what()) +
                     "): it was changed since, or is of another program");
  } catch (const std::exception& error) {
    return fail("internal error", convmae::failure_text(error), kInternalErrorCode);
  }
}

/// Only a command whose results have arrived has succeeded. What failed before has said so.
int deliver(int exit_code) {
  if (exit_code != 0) std::signal(SIGPIPE, SIG_IGN);  // its code is not to be that of the signal
  try {
    const bool arrived = convmae::deliver_standard_output();
    return arrived || exit_code != 0 ? exit_code : convmae::kReaderGoneCode;
  } catch (const convmae::UserError& error) {
    return exit_code != 0 ? exit_code : fail(error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  convmae::hold_standard_streams();
  convmae::choose_process_settings(argv);
  convmae::remove_temporaries_on_signals();
  convmae::CommandLine line;
  return deliver(run_guarded(line, argc, argv));
}
