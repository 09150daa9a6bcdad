#include "convmae/cli/help.h"

#include "convmae/base/error.h"
#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vector>

namespace convmae {
namespace {

constexpr std::size_t kUsualColumns = 80;
constexpr std::size_t kFewestColumns = 60;
constexpr std::size_t kTextColumn = 30;  ///< where what a flag does is told
constexpr std::size_t kMargin = 2;

/// COLUMNS goes before the terminal, as POSIX has it.
std::size_t columns() {
  const char* const set = std::getenv("COLUMNS");
  const std::string_view text = set == nullptr ? "" : set;
  std::size_t number = parse_number<std::size_t>(text).value_or(0);
  if (number == 0) {
    winsize size{};
    const bool is_terminal = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    number = is_terminal ? size.ws_col : kUsualColumns;
  }
  return std::max(number, kFewestColumns);
}

/// The words of `text` in lines of at most `width` characters, with `line_break` between them.
std::string wrapped(const std::string& text, std::size_t width, const std::string& line_break) {
  std::string result;
  std::size_t used = 0;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (used > 0 && used + 1 + word.size() > width) {
      result += line_break;
      used = 0;
    } else if (used > 0) {
      result += ' ';
      ++used;
    }
    result += word;
    used += word.size();
  }
  return result;
}

/// A name, and what it stands for beside it, or below it where the name is long.
std::string row(const std::string& name, const std::string& text) {
  std::string line = std::string(kMargin, ' ') + name;
  if (text.empty()) return line + '\n';
  if (line.size() + 1 > kTextColumn) {
    line += '\n';
    line.append(kTextColumn, ' ');
  } else {
    line.append(kTextColumn - line.size(), ' ');
  }
  return line + wrapped(text, columns() - kTextColumn, '\n' + std::string(kTextColumn, ' ')) + '\n';
}

class HelpLayout : public CLI::Formatter {
 public:
  /// Without CLI11's notation for flags that turn something off.
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, is_positional);
    constexpr std::string_view kTurnsOff = "{false}";
    const std::size_t found = name.find(kTurnsOff);
    if (found != std::string::npos) name.erase(found, kTurnsOff.size());
    return name;
  }

  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    return row(make_option_name(option, is_positional) + make_option_opts(option),
               make_option_desc(option));
  }

  std::string make_subcommand(const CLI::App* command) const override {
    return row(command->get_name(), command->get_description());
  }

  std::string make_description(const CLI::App* app) const override {
    return wrapped(app->get_description(), columns(), "\n") + '\n';
  }

  /// The command line of the example, as a shell takes it.
  std::string make_footer(const CLI::App* app) const override {
    if (app->get_footer().empty()) return "";
    constexpr std::size_t kAround = 6;  // the indent of further lines, and " \\" behind the others
    return "Example:\n  " + wrapped(app->get_footer(), columns() - kAround, " \\\n    ") + '\n';
  }

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    constexpr std::string_view kTwoEmptyLines = "\n\n\n";
    for (std::size_t at = 0; (at = text.find(kTwoEmptyLines, at)) != std::string::npos;) {
      text.erase(at, 1);
    }
    if (text.ends_with("\n\n")) text.pop_back();
    return text;
  }
};

class HelpCommand {
 public:
  HelpCommand(CLI::App& command, const CLI::App& app) : app_(app) {
    command.add_option("command", names_, "A command, and a part of it if it has parts");
    add_example(command, "convmae help pretrain");
  }

  void run() const {
    const CLI::App* command = &app_;
    std::string path = app_.get_name();
    for (const std::string& name : names_) {
      const std::vector<const CLI::App*> found =
          command->get_subcommands([&](const CLI::App* part) { return part->get_name() == name; });
      if (found.empty()) {
        throw UserError("unknown command " + brief(name) + "; see " + path + " --help");
      }
      command = found.front();
      path += ' ' + name;
    }
    std::cout << command->get_formatter()->make_help(command, path, CLI::AppFormatMode::Normal);
  }

 private:
  const CLI::App& app_;
  std::vector<std::string> names_;
};

}  // namespace

void use_help_layout(CLI::App& app) { app.formatter(std::make_shared<HelpLayout>()); }

void add_help(CLI::App& app) {
  add_command<HelpCommand>(app, "help", "This text, or that of a command", app);
}

void add_example(CLI::App& command, const std::string& line) { command.footer(line); }

CLI::Option* mark_required(CLI::Option* option) {
  return option->type_name(option->get_type_name() + " REQUIRED");
}

}  // namespace convmae
