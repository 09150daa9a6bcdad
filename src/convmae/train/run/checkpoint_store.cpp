#include "convmae/train/run/checkpoint_store.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/io/atomic_file.h"
#include "convmae/io/directories.h"
#include "convmae/io/value_json.h"
#include "convmae/train/run/run_directory.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>
#include <new>
#include <string_view>
#include <utility>

namespace convmae {
namespace {

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kSuffix = ".safetensors";
constexpr std::string_view kNotePrefix = "score-";
constexpr std::string_view kNoteSuffix = ".json";
constexpr const char* kScoreKey = "score";
constexpr const char* kScoredOnKey = "scored_on";
constexpr const char* kBestLink = "best.safetensors";
constexpr const char* kFreshLink = ".best-link";
/// Of a folder that Hugging Face's transformers opens.
constexpr std::array kModelNames{"model.safetensors", "pytorch_model.bin"};

std::optional<std::int64_t> step_of(const std::filesystem::path& path,
                                    std::string_view prefix = kPrefix,
                                    std::string_view suffix = kSuffix) {
  const std::string file = path.filename().string();
  std::string_view name = file;
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  return parse_number<std::int64_t>(name);
}

/// From the newest to the oldest.
std::vector<std::filesystem::path> checkpoints_in(const std::filesystem::path& directory) {
  std::vector<std::pair<std::int64_t, std::filesystem::path>> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (const auto step = step_of(entry.path())) found.emplace_back(*step, entry.path());
  }
  std::ranges::sort(found, std::greater<>());
  std::vector<std::filesystem::path> paths;
  paths.reserve(found.size());
  for (auto& [step, path] : found) paths.push_back(std::move(path));
  return paths;
}

std::filesystem::path note_of(const std::filesystem::path& checkpoint) {
  const std::string digits = checkpoint.stem().string().substr(kPrefix.size());
  return checkpoint.parent_path() / (std::string(kNotePrefix) + digits + std::string(kNoteSuffix));
}

struct Score {
  double value = 0;
  std::string scored_on;  ///< empty in notes of earlier versions, which may be compared with any
};

std::optional<Score> noted_score(const std::filesystem::path& checkpoint) {
  constexpr std::size_t kMost = 1024;  // more than any note has
  const nlohmann::ordered_json note =
      parse_shallow_json(file_beginning(note_of(checkpoint), kMost));
  if (!note.is_object() || !note.contains(kScoreKey)) return std::nullopt;
  const nlohmann::ordered_json& score = note.at(kScoreKey);
  if (!score.is_number()) return std::nullopt;
  const nlohmann::ordered_json scored_on = note.value(kScoredOnKey, nlohmann::ordered_json());
  return Score{score.get<double>(), scored_on.is_string() ? scored_on.get<std::string>() : ""};
}

/// The checkpoint with the lowest score, the newest of several; empty if none has one. Scores that
/// were measured on other images than the newest one are left out.
std::filesystem::path best_in(const std::filesystem::path& directory) {
  std::filesystem::path best;
  std::optional<double> lowest;
  std::string scored_on;
  for (const std::filesystem::path& checkpoint : checkpoints_in(directory)) {
    const std::optional<Score> score = noted_score(checkpoint);
    if (!score) continue;
    if (scored_on.empty()) scored_on = score->scored_on;
    if (!score->scored_on.empty() && score->scored_on != scored_on) continue;
    if (!lowest || score->value < *lowest) {
      lowest = score->value;
      best = checkpoint;
    }
  }
  return best;
}

/// The note goes first: one without its checkpoint could be taken for that of a later one.
void remove_with_note(const std::filesystem::path& checkpoint) {
  // A file that cannot be deleted now is tried again after the next checkpoint.
  std::error_code ignored;
  std::filesystem::remove(note_of(checkpoint), ignored);
  std::filesystem::remove(checkpoint, ignored);
}

}  // namespace

std::filesystem::path model_file(const std::filesystem::path& given) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(given, ignored)) return given;
  const RunPaths paths{given};
  std::vector<std::filesystem::path> candidates;
  if (std::filesystem::is_directory(paths.checkpoints(), ignored)) {
    candidates = {best_in(paths.checkpoints()), paths.checkpoints() / kBestLink};
    std::ranges::copy(checkpoints_in(paths.checkpoints()), std::back_inserter(candidates));
  }
  candidates.push_back(paths.weights());
  for (const char* const name : kModelNames) candidates.push_back(given / name);
  const auto found = std::ranges::find_if(candidates, [](const std::filesystem::path& candidate) {
    std::error_code error;
    return std::filesystem::is_regular_file(candidate, error);
  });
  if (found == candidates.end()) {
    throw UserError(
        quote(given.string()) +
        " has no checkpoint: give the directory of a run that has saved one, or a file");
  }
  return *found;
}

bool is_checkpoint_name(const std::filesystem::path& path) { return step_of(path).has_value(); }

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
    const std::string name = entry.path().filename().string();
    if (step_of(entry.path()) || step_of(entry.path(), kNotePrefix, kNoteSuffix) ||
        name == kBestLink || name == kFreshLink) {
      std::filesystem::remove(entry.path());
    }
  }
}

CheckpointStore::CheckpointStore(std::filesystem::path directory, std::int64_t keep_last)
    : directory_(std::move(directory)), keep_last_(keep_last) {
  make_directory(directory_);
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

void CheckpointStore::added() {
  point_to_best();
  prune();
}

void CheckpointStore::evaluated(std::int64_t global_step, std::optional<double> score,
                                const std::string& scored_on) {
  nlohmann::ordered_json note = nlohmann::ordered_json::object();
  if (score && std::isfinite(*score)) {
    note[kScoreKey] = *score;
    if (!scored_on.empty()) note[kScoredOnKey] = scored_on;
  }
  write_file_atomically(note_of(path_of(global_step)), json_text(note) + '\n');
  point_to_best();
  prune();
}

bool CheckpointStore::was_evaluated(std::int64_t global_step) const {
  std::error_code ignored;
  return std::filesystem::exists(note_of(path_of(global_step)), ignored);
}

std::optional<double> CheckpointStore::score(std::int64_t global_step) const {
  const std::optional<Score> noted = noted_score(path_of(global_step));
  return noted ? std::optional(noted->value) : std::nullopt;
}

std::optional<std::int64_t> CheckpointStore::best() const { return step_of(best_in(directory_)); }

void CheckpointStore::adopt_best(double score) {
  std::error_code no_link;
  const std::optional<std::int64_t> step =
      step_of(std::filesystem::read_symlink(best_link(), no_link));
  if (step && best_in(directory_).empty()) evaluated(*step, score);
}

void CheckpointStore::point_to_best() {
  const std::filesystem::path best = best_in(directory_).filename();
  std::error_code error;
  if (best.empty()) {
    std::filesystem::remove(best_link(), error);
    return;
  }
  if (std::filesystem::read_symlink(best_link(), error) == best) return;
  // A link cannot be made over an existing one; a renamed one takes its place at once.
  const std::filesystem::path fresh = directory_ / kFreshLink;
  std::filesystem::remove(fresh, error);
  std::filesystem::create_symlink(best, fresh, error);
  if (!error) std::filesystem::rename(fresh, best_link(), error);
  // Rather no link than one to another checkpoint.
  if (error) std::filesystem::remove(best_link(), error);
}

void CheckpointStore::prune() {
  const std::filesystem::path best = best_in(directory_);
  const std::vector<std::filesystem::path> paths = newest_first();
  for (auto i = static_cast<std::size_t>(keep_last_); i < paths.size(); ++i) {
    if (paths[i] != best) remove_with_note(paths[i]);
  }
}

std::unique_ptr<CheckpointFile> CheckpointStore::open_newest(
    std::vector<PassedOver>& passed_over,
    const std::function<void(const CheckpointFile&)>& read) const {
  const std::vector<std::filesystem::path> paths = newest_first();
  auto path =
      passed_over.empty() ? paths.begin() : std::ranges::find(paths, passed_over.back().checkpoint);
  if (!passed_over.empty() && path != paths.end()) ++path;
  for (; path != paths.end(); ++path) {
    try {
      auto file = std::make_unique<CheckpointFile>(*path);
      if (read) read(*file);
      return file;
    } catch (const std::bad_alloc&) {
      throw;  // says nothing of the file
    } catch (const std::exception& error) {
      passed_over.push_back({*path, error.what()});
    }
  }
  const std::string run = directory_.parent_path().string();
  if (passed_over.empty()) {
    throw UserError(quote(run) + " has saved no checkpoint yet: start the run again with --out " +
                    shell_word(run));
  }
  throw UserError("there is no usable checkpoint in " + quote(directory_.string()) + " (" +
                  passed_over.front().reason +
                  "): start the run anew in another directory, or with --out " + shell_word(run) +
                  " --overwrite");
}

std::unique_ptr<CheckpointFile> CheckpointStore::open(
    const std::filesystem::path& path, const std::function<void(const CheckpointFile&)>& read) {
  auto file = std::make_unique<CheckpointFile>(path);
  read(*file);
  return file;
}

std::vector<std::filesystem::path> CheckpointStore::later_than(std::int64_t global_step) const {
  std::vector<std::filesystem::path> later;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    if (step_of(entry.path()) > global_step ||
        step_of(entry.path(), kNotePrefix, kNoteSuffix) > global_step) {
      later.push_back(entry.path());
    }
  }
  return later;
}

void CheckpointStore::remove_after(std::int64_t global_step) const {
  std::error_code ignored;
  for (const std::filesystem::path& path : later_than(global_step)) {
    std::filesystem::remove(path, ignored);
  }
}

}  // namespace convmae
