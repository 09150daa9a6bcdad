#include "convmae/cli/memory_advice.h"

#include <CLI/CLI.hpp>

#include <string_view>
#include <vector>

namespace convmae {

std::string memory_advice(const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  std::vector<std::string> smaller;
  for (const char* const flag : {"--batch_size", "--input_size", "--model", "--max_pixels"}) {
    if (command->get_option_no_throw(flag) != nullptr) smaller.emplace_back(flag);
  }
  // Most commands have this one, and few are given more channels than an image has.
  const CLI::Option* const channels = command->get_option_no_throw("--in_chans");
  if (channels != nullptr && channels->count() > 0) smaller.emplace_back("--in_chans");
  if (smaller.empty()) return "free some, or use a machine with more";
  std::string text = "choose a smaller ";
  for (std::size_t i = 0; i < smaller.size(); ++i) {
    text += std::string_view(i == 0 ? "" : i + 1 < smaller.size() ? ", " : " or ");
    text += smaller[i];
  }
  return text;
}

}  // namespace convmae
