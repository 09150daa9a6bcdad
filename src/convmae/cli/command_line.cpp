#include "convmae/cli/command_line.h"

#include "convmae/base/quote.h"

#include <algorithm>
#include <cctype>

namespace convmae {
namespace {

bool is_flag(const std::string& argument) {
  return argument.size() > 2 && argument.starts_with("--") &&
         std::isalpha(static_cast<unsigned char>(argument[2])) != 0;
}

}  // namespace

std::vector<std::string> normalised_arguments(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  for (std::string& argument : arguments) {
    if (argument == "--") break;  // what follows are not flags
    if (!is_flag(argument)) continue;
    const auto name_end = argument.begin() + static_cast<std::ptrdiff_t>(
                                                 std::min(argument.find('='), argument.size()));
    std::replace(argument.begin() + 2, name_end, '-', '_');
  }
  std::ranges::reverse(arguments);
  return arguments;
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
