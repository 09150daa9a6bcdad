#include "convmae/train/run/run_contents.h"

#include "convmae/base/error.h"
#include "convmae/base/read_file.h"
#include "convmae/io/run_header.h"
#include "convmae/io/tensorboard.h"
#include "convmae/report/report.h"
#include "convmae/train/run/checkpoint_store.h"
#include "convmae/train/run/run_result.h"
#include "convmae/train/run/run_setup.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <system_error>

namespace convmae {
namespace {

using Path = std::filesystem::path;

/// Links that lead nowhere are there as well: they would be replaced.
bool is_there(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

/// The first lines of a regular file, up to what a header can have.
class FirstLines {
 public:
  explicit FirstLines(const Path& path) : text_(file_beginning(path, std::size_t{4} << 20)) {}

  std::string next() {
    std::string line = text_.substr(0, text_.find('\n'));
    text_.erase(0, line.size() + 1);
    return line;
  }

 private:
  std::string text_;
};

bool is_our_configuration(const Path& path) {
  return FirstLines(path).next().starts_with(kConfigBeginning);
}

bool is_our_weights(const Path& path) {
  try {
    return checkpoint_kind(SafetensorsFile(path)) == CheckpointKind::weights;
  } catch (const UserError&) {
    return false;
  }
}

bool holds_nothing(const Path& path) {
  std::error_code error;
  return std::filesystem::is_empty(path, error) && !error;
}

/// The first entry of a directory, or what stands in the directory's place; nothing if it is empty.
Path anything_in(const Path& directory) {
  std::error_code error;
  if (!is_there(directory) || holds_nothing(directory)) return {};
  const std::filesystem::directory_iterator entries(directory, error);
  return error || entries == std::filesystem::directory_iterator() ? directory : entries->path();
}

/// Of a directory without a run: what a run would replace, or add to.
Path in_the_way(const RunPaths& paths, bool is_start) {
  for (const Path& file :
       {paths.log(), paths.bad_samples(), paths.report(), paths.result(), paths.weights()}) {
    if (is_there(file)) return file;
  }
  if (is_there(paths.config()) && !(is_start && is_our_configuration(paths.config()))) {
    return paths.config();
  }
  if (is_there(paths.steps()) && !(is_start && holds_nothing(paths.steps()))) return paths.steps();
  for (const Path& directory : {paths.checkpoints(), paths.panels()}) {
    if (Path entry = anything_in(directory); !entry.empty()) return entry;
  }
  return {};
}

/// "epoch-0012.50.png".
bool is_panel(std::string_view name) {
  constexpr std::string_view kPrefix = "epoch-";
  constexpr std::string_view kSuffix = ".png";
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return false;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(std::min(kSuffix.size(), name.size()));
  return name.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

RunContents contents_of(const RunPaths& paths) {
  RunContents found;
  FirstLines log(paths.log());
  found.is_run = is_run_header(log.next());
  found.has_epochs = found.is_run && !log.next().empty();
  found.has_checkpoint = has_checkpoint(paths.root);
  found.has_weights = is_there(paths.weights());
  if (is_there(paths.lock()) && !holds_nothing(paths.lock())) {
    const bool marked = FirstLines(paths.lock()).next() + '\n' == kRunMark;
    found.is_start = marked && !found.is_run && !is_there(paths.log());
    if (!marked) found.foreign = paths.lock();
  }
  if (!found.is_run && found.foreign.empty()) found.foreign = in_the_way(paths, found.is_start);
  if (found.is_run && found.has_weights && !is_our_weights(paths.weights())) {
    found.foreign = paths.weights();
  }
  if (found.is_run && is_there(paths.report()) && !is_report(paths.report())) {
    found.foreign = paths.report();
  }
  if (found.is_run && is_there(paths.result()) && !is_result(paths.result())) {
    found.foreign = paths.result();
  }
  return found;
}

void remove_run(const RunPaths& paths) {
  try {
    for (const Path& file : {paths.log(), paths.steps(), paths.bad_samples(), paths.report(),
                             paths.result(), paths.weights()}) {
      std::filesystem::remove(file);
    }
    remove_checkpoints(paths.root);
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(paths.panels(), ignored)) {
      if (is_panel(entry.path().filename().string())) std::filesystem::remove(entry.path());
    }
    for (const auto& entry : std::filesystem::directory_iterator(paths.root)) {
      if (is_event_file(entry.path())) std::filesystem::remove(entry.path());
    }
    // They stay where they hold more.
    for (const Path& directory : {paths.checkpoints(), paths.panels()}) {
      std::filesystem::remove(directory, ignored);
    }
  } catch (const std::filesystem::filesystem_error& error) {
    throw_file_error("delete", error.path1(), error.code().value());
  }
}

}  // namespace convmae
