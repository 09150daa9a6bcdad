#include "convmae/io/run_header.h"

#include "convmae/base/read_file.h"
#include "convmae/io/value_json.h"

#include <algorithm>
#include <initializer_list>

namespace convmae {

bool is_run_header(std::string_view line) {
  const auto json = parse_shallow_json(line);
  return json.is_object() && !json.contains("epoch") &&
         std::ranges::all_of(
             std::initializer_list<const char*>{"version", "command", "n_parameters",
                                                "images_per_step", "steps_per_epoch"},
             [&json](const char* key) { return json.contains(key); });
}

bool holds_run(const std::filesystem::path& folder) {
  constexpr std::size_t kLongestHeader = std::size_t{4} << 20;
  if (file_beginning(folder / kRunLock, kRunMark.size()) == kRunMark) return true;
  const std::string log = file_beginning(folder / kRunLog, kLongestHeader);
  return is_run_header(std::string_view(log).substr(0, log.find('\n')));
}

}  // namespace convmae
