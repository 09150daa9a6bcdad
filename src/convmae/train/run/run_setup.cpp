#include "convmae/train/run/run_setup.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/read_file.h"

#include <nlohmann/json.hpp>

#include <string_view>
#include <system_error>

namespace convmae {
namespace {

/// The first field in which two configurations differ, with both values, for messages.
std::string first_difference(const ModelConfig& run, const ModelConfig& asked) {
  const auto run_json = nlohmann::ordered_json::parse(to_json(run));
  const auto asked_json = nlohmann::ordered_json::parse(to_json(asked));
  for (const auto& [key, value] : run_json.items()) {
    if (asked_json.at(key) != value) {
      return key + " " + json_text(value) + ", asked for " + json_text(asked_json.at(key));
    }
  }
  return "";
}

}  // namespace

std::string config_text(const std::string& command, const NamedValues& settings) {
  std::string text =
      std::string(kConfigBeginning) + command + " --config THIS_FILE --out NEW_RUN` repeats it.\n";
  for (const auto& [name, value] : settings) text += name + " = " + value + '\n';
  return text;
}

void check_identity(const RunIdentity& run, const RunIdentity& asked) {
  const auto check = [](auto before, auto now, const std::string& name, const std::string& advice) {
    if (before == now) return;
    throw UserError("the run has " + name + " " + std::to_string(before) + ", found " +
                    std::to_string(now) + ": " + advice +
                    ", or start a new run from its weights with --init");
  };
  check(run.seed, asked.seed, "--seed", "leave the flag out to continue it");
  check(run.batch_size, asked.batch_size, "--batch_size", "leave the flag out to continue it");
  check(run.accum_iter, asked.accum_iter, "--accum_iter", "leave the flag out to continue it");
  check(run.images, asked.images,
        "a data set with this number of images:", "give the images that it was started with");
}

void check_model(const CheckpointInfo& run, const CheckpointInfo& asked) {
  if (run.model != asked.model) {
    throw UserError(
        "the run has another model than the one asked for (the run's " +
        first_difference(run.model, asked.model) +
        "): leave out the model flags to continue it, or start a new run in another directory");
  }
  if (run.task != asked.task) {
    throw UserError(
        "the run has another model or other classes than the ones asked for: leave out the model "
        "flags and give its own --data to continue it, or start a new run in another directory");
  }
}

std::set<std::string> listed_bad_samples(const std::filesystem::path& path) {
  std::set<std::string> names;
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) return names;
  for_each_line(path, [&names](std::string_view line) {
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) names.insert(json.value("name", ""));
  });
  return names;
}

}  // namespace convmae
