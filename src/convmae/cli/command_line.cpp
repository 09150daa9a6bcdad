#include "convmae/cli/command_line.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/help.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>

namespace convmae {
namespace {

bool is_flag(const std::string& argument) {
  return argument.size() > 2 && argument.starts_with("--") &&
         std::isalpha(static_cast<unsigned char>(argument[2])) != 0;
}

bool is_list_item(const std::string& word) {
  double number = 0;
  const char* const end = word.data() + word.size();
  const auto [rest, error] = std::from_chars(word.data(), end, number);
  return rest != word.data() && (rest == end || *rest == ',');
}

/// The command that `arguments` begin with, or a part of it.
const CLI::App& command_of(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* command = &app;
  for (const std::string& word : arguments) {
    const auto found =
        command->get_subcommands([&](const CLI::App* part) { return part->check_name(word); });
    if (found.empty()) break;
    command = found.front();
  }
  return *command;
}

bool takes_words(const CLI::App& command) {
  const auto found = command.get_options([](const CLI::Option* o) { return o->get_positional(); });
  return !found.empty();
}

bool is_list(const CLI::App& command, const std::string& flag) {
  const CLI::Option* const option = command.get_option_no_throw(flag);
  return option != nullptr && option->get_items_expected_max() > 1;
}

/// The same arguments with words that a list of numbers would swallow before its flag.
std::vector<std::string> words_before_lists(const CLI::App& app,
                                            const std::vector<std::string>& arguments) {
  const CLI::App& command = command_of(app, arguments);
  if (!takes_words(command)) return arguments;
  std::vector<std::string> result;
  for (auto word = arguments.begin(); word != arguments.end() && *word != "--";) {
    const std::size_t name_end = word->find('=');
    const bool list = is_flag(*word) && is_list(command, word->substr(0, name_end));
    const std::ptrdiff_t flag = std::ssize(result);
    result.push_back(*word++);
    const bool begun = name_end != std::string::npos;
    if (!list || word == arguments.end() || !(begun || is_list_item(*word))) continue;
    while (word != arguments.end() && is_list_item(*word)) result.push_back(*word++);
    const auto rest = std::find_if(word, arguments.end(),
                                   [](const std::string& next) { return next.starts_with('-'); });
    result.insert(result.begin() + flag, word, rest);
    word = rest;
  }
  const auto end = std::ranges::find(arguments, "--");
  result.insert(result.end(), end, arguments.end());
  return result;
}

/// Cuts from `arguments` the command that they start, if theirs is one that does, without the "--"
/// before it: it begins at the first word that is neither a flag nor its value.
std::vector<std::string> take_started_command(const CLI::App& app,
                                              std::vector<std::string>& arguments) {
  const CLI::App& command = command_of(app, arguments);
  if (!command.get_prefix_command()) return {};
  auto word = arguments.begin() + 1;
  while (word != arguments.end() && *word != "--" && word->starts_with('-')) {
    const CLI::Option* const option = command.get_option_no_throw(*word++);
    if (option != nullptr && option->get_items_expected_max() > 0 && word != arguments.end()) {
      ++word;
    }
  }
  const auto begin = word != arguments.end() && *word == "--" ? word + 1 : word;
  std::vector<std::string> started(begin, arguments.end());
  arguments.erase(word, arguments.end());
  return started;
}

/// An unset variable of the shell leaves an empty text, which would pass for a flag that was not
/// given.
void refuse_empty_value(const std::string& flag, const std::string* next) {
  const std::string name = flag.substr(0, flag.find('='));
  const bool empty = name.size() + 1 == flag.size() || (flag == name && next && next->empty());
  if (!empty || name == "--title") return;
  throw UserError(brief(name) +
                  " is given an empty text: check the shell variable that it comes from, or leave "
                  "the flag out");
}

}  // namespace

std::vector<std::string> normalised_arguments(const CLI::App& app, int argc,
                                              const char* const* argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const std::vector<std::string> started = take_started_command(app, arguments);
  for (std::string& argument : arguments) {
    if (argument == "--") break;  // what follows are not flags
    if (!is_flag(argument)) continue;
    const auto name_end = argument.begin() + static_cast<std::ptrdiff_t>(
                                                 std::min(argument.find('='), argument.size()));
    refuse_empty_value(argument, &argument == &arguments.back() ? nullptr : &argument + 1);
    std::replace(argument.begin() + 2, name_end, '-', '_');
  }
  arguments = words_before_lists(app, arguments);
  arguments.insert(arguments.end(), started.begin(), started.end());
  std::ranges::reverse(arguments);
  return arguments;
}

std::function<void()> add_data(CLI::App& command, std::string& data, const std::string& help) {
  CLI::Option* const flag = command.add_option("--data,--data_path", data, help);
  mark_required(flag);
  const auto word = std::make_shared<std::string>();
  command.add_option("data", *word, "The same as --data");
  return [&data, word] {
    if (data.empty()) data.swap(*word);
    if (!word->empty()) {
      throw UserError("the images are given twice, as " + quote(*word) + " and with --data " +
                      quote(data) + ": leave one of them out");
    }
    if (data.empty()) throw UserError("--data is missing: give the images to read");
  };
}

void let_last_value_count(CLI::App& app) {
  for (CLI::Option* const option : app.get_options()) {
    if (option->get_lnames().empty()) continue;
    if (option->get_items_expected_max() > 1) {
      // Taken as it comes, a list is cleared by the next one.
      option->trigger_on_parse();
    } else {
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }
  for (CLI::App* const command : app.get_subcommands({})) let_last_value_count(*command);
}

std::string command_words(const CLI::App& command) {
  const CLI::App* const parent = command.get_parent();
  const bool is_part = parent != nullptr && parent->get_parent() != nullptr;
  return (is_part ? command_words(*parent) + " " : "") + command.get_name();
}

std::string command_text(int argc, const char* const* argv) {
  std::string text;
  for (int i = 0; i < argc; ++i) {
    if (i > 0) text += ' ';
    text += shell_word(argv[i]);
  }
  return text;
}

}  // namespace convmae
