#include "convmae/cli/label_flags.h"

#include "convmae/base/error.h"
#include "convmae/cli/validators.h"

#include <CLI/CLI.hpp>

namespace convmae {
namespace {

constexpr const char* kClassesHelp = "File of class names, one a line";
constexpr const char* kOffsetHelp = "What is added to an id to make it the index of a class";
constexpr const char* kIgnoreHelp = "Ids whose pixels count for nothing";
constexpr const char* kMapHelp = "Table of ids and their classes, instead of --classes";
constexpr const char* kPaletteHelp = "Table of colours and their ids, for label images in colours";

}  // namespace

void add_label_flags(OptionTable& table, LabelSchemeOptions& options) {
  table.add("classes", options.classes, kClassesHelp);
  table.add("label_offset", options.label_offset, kOffsetHelp);
  table.add("ignore_index", options.ignore_index, kIgnoreHelp);
  table.add("label_map", options.label_map, kMapHelp);
  table.add("palette", options.palette, kPaletteHelp);
}

void add_label_flags(CLI::App& command, LabelSchemeOptions& options) {
  command.add_option("--classes", options.classes, kClassesHelp);
  numbers_of<std::int64_t>(command.add_option("--label_offset", options.label_offset, kOffsetHelp))
      ->capture_default_str();
  numbers_of<std::int64_t>(command.add_option("--ignore_index", options.ignore_index, kIgnoreHelp))
      ->expected(1, -1)
      ->delimiter(',')
      ->check(not_negative())
      ->capture_default_str();
  command.add_option("--label_map", options.label_map, kMapHelp);
  command.add_option("--palette", options.palette, kPaletteHelp);
}

std::optional<LabelScheme> scheme_if_given(const LabelSchemeOptions& options) {
  if (!options.classes.empty() || !options.label_map.empty()) return read_label_scheme(options);
  if (options.label_offset == 0) return std::nullopt;
  throw UserError(
      "expected --classes beside --label_offset, which says what class an id is of, "
      "found none: give the file of class names");
}

}  // namespace convmae
