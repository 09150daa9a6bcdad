#include "convmae/train/run/run_setup.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/io/sha256.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>
#include <tuple>

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

/// The SHA-256 of a text of any length that comes in pieces.
class TextDigest {
 public:
  void add(std::string_view piece) {
    text_.append(piece).push_back('\0');
    constexpr std::size_t kMost = std::size_t{1} << 20;
    if (text_.size() > kMost) text_ = sha256(std::as_bytes(std::span(text_)));
  }
  std::string result() const { return sha256(std::as_bytes(std::span(text_))); }

 private:
  std::string text_;
};

/// How many characters all names begin with, up to the last slash: images may be moved.
std::size_t common_folder(const ImageSource& images) {
  std::string folder = images.size() > 0 ? images.name(0) : "";
  folder.resize(folder.rfind('/') + 1);
  for (std::int64_t i = 1; i < images.size(); ++i) {
    const std::string name = images.name(i);
    while (!name.starts_with(folder)) {
      folder.pop_back();
      folder.resize(folder.rfind('/') + 1);
    }
  }
  return folder.size();
}

}  // namespace

RunIdentity identity_of(const TrainingOptions& options, const ImageSource& images) {
  TextDigest names;
  TextDigest classes;
  for (const std::string& name : images.classes()) classes.add(name);
  const std::size_t folder = common_folder(images);
  for (std::int64_t i = 0; i < images.size(); ++i) {
    names.add(std::string_view(images.name(i)).substr(folder));
    classes.add(std::to_string(images.label(i)));
  }
  return {.seed = options.seed,
          .unit = options.unit,
          .units_per_step = options.images_per_step() / options.unit,
          .images = images.size(),
          .image_names = names.result(),
          .image_classes = classes.result(),
          .annotations = ""};
}

std::string held_out_digest(const TrainingOptions& options, const ImageSource& images,
                            const std::string& annotations) {
  const RunIdentity identity = identity_of(options, images);
  TextDigest digest;
  for (const std::string& text :
       {options.eval_data, identity.image_names, identity.image_classes}) {
    digest.add(text);
  }
  if (!annotations.empty()) digest.add(annotations);
  return digest.result();
}

std::string command_of_config(const std::filesystem::path& config) {
  constexpr std::size_t kLongestName = 32;
  const std::string begin = file_beginning(config, kConfigBeginning.size() + kLongestName);
  if (!begin.starts_with(kConfigBeginning)) return "";
  const std::string rest = begin.substr(kConfigBeginning.size());
  return rest.substr(0, rest.find(" --config "));
}

std::string config_text(const std::string& command, const NamedValues& settings) {
  std::string text =
      std::string(kConfigBeginning) + command + " --config THIS_FILE --out NEW_RUN` repeats it.\n";
  for (const auto& [name, value] : settings) text.append(name).append(" = ").append(value) += '\n';
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
  check(run.images, asked.images,
        "a data set with this number of images:", "give the images that it was started with");
  const auto check_images = [](const std::string& before, const std::string& now,
                               const std::string& what) {
    if (before.empty() || before == now) return;  // empty: an earlier version's
    throw UserError("there are as many images as the run was started with, but " + what +
                    " differ: give the images that it was started with, or start a new run from "
                    "its weights with --init");
  };
  check_images(run.image_names, asked.image_names, "their names");
  check_images(run.image_classes, asked.image_classes, "their classes");
  check_images(run.annotations, asked.annotations, "their annotations");
}

void check_position(const RunPosition& position, std::int64_t steps_per_epoch,
                    const std::filesystem::path& checkpoint) {
  const auto [epoch, step, all] = std::tuple(position.epoch, position.step, position.global_step);
  // In this order, so that no product overflows.
  if (step < 0 || step > steps_per_epoch || epoch < 0 || epoch > all ||
      epoch > (all - step) / steps_per_epoch || all != epoch * steps_per_epoch + step) {
    throw UserError(quote(checkpoint.string()) + " is damaged (it is of step " +
                    std::to_string(all) + ", which is not step " + std::to_string(step) +
                    " of epoch " + std::to_string(epoch) + "): use another checkpoint of the run");
  }
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
        "flags and give its own images to continue it, or start a new run in another directory");
  }
}

std::set<std::string> listed_bad_samples(const std::filesystem::path& path) {
  std::set<std::string> names;
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) return names;
  for_each_line(path, [&names](std::string_view line) {
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto name = json.is_object() ? json.find("name") : json.end();
    if (name != json.end() && name->is_string()) names.insert(name->get<std::string>());
  });
  return names;
}

}  // namespace convmae
