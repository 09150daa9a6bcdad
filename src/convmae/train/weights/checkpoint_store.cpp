#include "convmae/train/weights/checkpoint_store.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/atomic_file.h"
#include "convmae/train/run/run_directory.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace convmae {
namespace {

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kSuffix = ".safetensors";
constexpr const char* kBestLink = "best.safetensors";
constexpr const char* kFreshLink = ".best-link";

std::optional<std::int64_t> step_of(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const char* const first = name.data() + kPrefix.size();
  const char* const last = name.data() + name.size() - kSuffix.size();
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(first, last, step);
  if (error != std::errc() || end != last) return std::nullopt;
  return step;
}

/// From the newest to the oldest.
std::vector<std::filesystem::path> checkpoints_in(const std::filesystem::path& directory) {
  std::vector<std::pair<std::int64_t, std::filesystem::path>> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (const auto step = step_of(entry.path())) found.emplace_back(*step, entry.path());
  }
  std::ranges::sort(found, std::greater<>());
  std::vector<std::filesystem::path> paths;
  for (auto& [step, path] : found) paths.push_back(std::move(path));
  return paths;
}

}  // namespace

std::filesystem::path model_of_run(const std::filesystem::path& run) {
  const RunPaths paths{run};
  std::error_code ignored;
  std::vector<std::filesystem::path> candidates{paths.checkpoints() / kBestLink};
  if (std::filesystem::is_directory(paths.checkpoints(), ignored)) {
    std::ranges::copy(checkpoints_in(paths.checkpoints()), std::back_inserter(candidates));
  }
  candidates.push_back(paths.weights());
  const auto found = std::ranges::find_if(candidates, [](const std::filesystem::path& candidate) {
    std::error_code error;
    return std::filesystem::is_regular_file(candidate, error);
  });
  if (found == candidates.end()) {
    throw UserError(
        quote(run.string()) +
        " has no checkpoint: give the directory of a run that has saved one, or a file");
  }
  return *found;
}

bool has_checkpoint(const std::filesystem::path& run) {
  const std::filesystem::path directory = RunPaths{run}.checkpoints();
  std::error_code ignored;
  const std::filesystem::directory_iterator entries(directory, ignored);
  return std::any_of(begin(entries), end(entries),
                     [](const auto& entry) { return step_of(entry.path()).has_value(); });
}

void remove_checkpoints(const std::filesystem::path& run) {
  const std::filesystem::path directory = RunPaths{run}.checkpoints();
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    std::filesystem::path path = entry.path();
    const bool is_note = path.extension() == ".json";  // beside a checkpoint, under its name
    const bool is_checkpoint =
        step_of(is_note ? path.replace_extension(kSuffix) : path).has_value();
    const std::string name = entry.path().filename().string();
    if (is_checkpoint || name == kBestLink || name == kFreshLink) {
      std::filesystem::remove(entry.path());
    }
  }
}

CheckpointStore::CheckpointStore(std::filesystem::path directory, std::int64_t keep_last)
    : directory_(std::move(directory)), keep_last_(keep_last) {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error) {
    throw UserError("cannot make the directory " + quote(directory_.string()) + ": " +
                    error.message());
  }
  remove_abandoned_temporaries(directory_);
}

std::filesystem::path CheckpointStore::path_of(std::int64_t global_step) const {
  std::string digits = std::to_string(global_step);
  constexpr std::size_t kDigits = 8;  // so that names sort as steps do
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return directory_ / (std::string(kPrefix) + digits + std::string(kSuffix));
}

std::vector<std::filesystem::path> CheckpointStore::newest_first() const {
  return checkpoints_in(directory_);
}

std::filesystem::path CheckpointStore::best_link() const { return directory_ / kBestLink; }

void CheckpointStore::added(std::int64_t global_step, bool is_best) {
  if (is_best) {
    // A link cannot be made over an existing one; a renamed one takes its place at once.
    const std::filesystem::path fresh = directory_ / kFreshLink;
    std::error_code error;
    std::filesystem::remove(fresh, error);
    std::filesystem::create_symlink(path_of(global_step).filename(), fresh, error);
    if (!error) std::filesystem::rename(fresh, best_link(), error);
    if (error) {
      throw UserError("cannot link " + quote(best_link().string()) + ": " + error.message());
    }
  }
  prune();
}

void CheckpointStore::prune() {
  std::error_code no_link;
  const std::filesystem::path best = std::filesystem::read_symlink(best_link(), no_link);
  const std::vector<std::filesystem::path> paths = newest_first();
  for (std::size_t i = static_cast<std::size_t>(keep_last_); i < paths.size(); ++i) {
    // A file that cannot be deleted now is tried again after the next checkpoint.
    std::error_code ignored;
    if (paths[i].filename() != best) std::filesystem::remove(paths[i], ignored);
  }
}

std::unique_ptr<CheckpointFile> CheckpointStore::open_newest(
    const std::function<void(const std::string&)>& warn) const {
  for (const std::filesystem::path& path : newest_first()) {
    try {
      return std::make_unique<CheckpointFile>(path);
    } catch (const UserError& error) {
      warn(std::string(error.what()) + "; passing it over");
    }
  }
  throw UserError("there is no usable checkpoint in " + quote(directory_.string()) +
                  ": start the run anew in another directory");
}

void CheckpointStore::remove_after(std::int64_t global_step) {
  for (const std::filesystem::path& path : newest_first()) {
    std::error_code ignored;
    if (step_of(path) > global_step) std::filesystem::remove(path, ignored);
  }
}

}  // namespace convmae
