#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/process_settings.h"
#include "convmae/io/atomic_file.h"
#include "convmae/train/run/environment.h"

#include <ATen/ATen.h>
#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <memory>
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

/// --help without CLI11's notation for flags that turn something off.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, is_positional);
    constexpr std::string_view kTurnsOff = "{false}";
    const std::size_t found = name.find(kTurnsOff);
    if (found != std::string::npos) name.erase(found, kTurnsOff.size());
    return name;
  }
};

/// One line on standard error, whatever a message was made of. It is cut only where something that
/// stands in a file without an end got into it.
int fail(const char* kind, std::string_view message, int exit_code) {
  constexpr std::size_t kLongestMessage = 20000;
  std::cerr << "convmae: " << kind << ": " << convmae::brief(message, kLongestMessage) << std::endl;
  return exit_code;
}

int fail(std::string_view message) { return fail("error", message, kUserErrorCode); }

int run(int argc, char** argv) {
  convmae::CommandLine line;
  line.text = convmae::command_text(argc, argv);
  CLI::App app("Masked image modelling with a convolutional and transformer encoder", "convmae");
  app.require_subcommand(1);
  app.set_version_flag("--version", version_text);
  app.formatter(std::make_shared<HelpFormatter>());
  app.get_formatter()->column_width(34);
  convmae::add_pretrain(app, line);
  convmae::add_finetune(app, line);
  convmae::add_linprobe(app, line);
  convmae::add_eval(app);
  convmae::add_predict(app);
  convmae::add_reconstruct(app);
  convmae::add_info(app);
  convmae::add_bench(app);
  convmae::add_inspect(app);
  convmae::add_convert(app);
  convmae::add_features(app);
  convmae::add_knn(app);
  convmae::add_stats(app);
  convmae::add_compare(app);
  try {
    app.parse(convmae::normalised_arguments(argc, argv));
    return line.exit_code;
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    return fail(parse_message(app, error));
  }
}

}  // namespace

int main(int argc, char** argv) {
  convmae::choose_process_settings(argv);
  convmae::remove_temporaries_on_signals();
  try {
    return run(argc, argv);
  } catch (const convmae::UserError& error) {
    return fail(error.what());
  } catch (const c10::Error& error) {
    return fail("internal error", error.what_without_backtrace(), kInternalErrorCode);
  } catch (const std::exception& error) {
    return fail("internal error", error.what(), kInternalErrorCode);
  }
}
