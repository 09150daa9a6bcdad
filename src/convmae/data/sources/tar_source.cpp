#include "convmae/data/sources/tar_source.h"

#include "convmae/base/error.h"
#include "convmae/base/json_number.h"
#include "convmae/base/quote.h"
#include "convmae/data/batch_plan.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/data/sources/numbered_classes.h"
#include "convmae/data/sources/tar.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

namespace convmae {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLargestLabel = 1 << 20;
/// Samples that a shuffled epoch holds back to mix shards: about 16 shards of 1,000.
constexpr std::int64_t kShuffleBuffer = 1 << 14;

struct Sample {
  std::string image;  ///< name of the member
  std::int64_t shard = 0;
  std::int64_t offset = 0;
  std::int64_t size = 0;
  std::int64_t label = ImageSource::kNoLabel;
};

class TarSource : public ImageSource {
 public:
  TarSource(std::vector<fs::path> shards, std::vector<Sample> samples,
            std::vector<std::int64_t> samples_per_shard, std::vector<std::string> classes)
      : shards_(std::move(shards)),
        samples_(std::move(samples)),
        samples_per_shard_(std::move(samples_per_shard)),
        classes_(std::move(classes)) {}

  std::int64_t size() const override { return std::ssize(samples_); }
  std::string name(std::int64_t index) const override {
    const Sample& sample = samples_[static_cast<std::size_t>(index)];
    return shards_[static_cast<std::size_t>(sample.shard)].string() + ":" + quote(sample.image);
  }
  std::int64_t label(std::int64_t index) const override {
    return samples_[static_cast<std::size_t>(index)].label;
  }
  const std::vector<std::string>& classes() const override { return classes_; }
  bool has_numbered_classes() const override { return true; }

  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override {
    const Sample& sample = samples_[static_cast<std::size_t>(index)];
    if (!classes_.empty() && sample.label == kNoLabel) {
      throw UserError("expected a class number in .cls or .json beside the image, found none");
    }
    if (sample.size > kLargestImage) {
      throw UserError("image of " + std::to_string(sample.size) + " bytes is above the limit of " +
                      std::to_string(kLargestImage));
    }
    read_file_part(shards_[static_cast<std::size_t>(sample.shard)], sample.offset, sample.size,
                   bytes);
  }

  std::vector<std::int64_t> shuffled(std::uint64_t seed, std::uint64_t epoch) const override {
    return shard_order(seed, epoch, samples_per_shard_, kShuffleBuffer);
  }

  std::string description() const override {
    std::string text = std::to_string(shards_.size()) + " shards from " +
                       printable(shards_.front().string()) + ": " + std::to_string(size()) +
                       " images";
    if (!classes_.empty()) text += " in " + std::to_string(classes_.size()) + " classes";
    return text;
  }

 private:
  std::vector<fs::path> shards_;
  std::vector<Sample> samples_;
  std::vector<std::int64_t> samples_per_shard_;
  std::vector<std::string> classes_;
};

/// A member's name up to the first dot of its last component, and what is behind that dot.
struct MemberName {
  std::string_view key;
  std::string extension;
};

MemberName split_name(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  const std::size_t component = slash == std::string_view::npos ? 0 : slash + 1;
  const std::size_t dot = std::min(name.find('.', component), name.size());
  std::string extension(name.substr(dot));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return {name.substr(0, dot), std::move(extension)};
}

std::optional<std::int64_t> class_number(std::optional<std::int64_t> number) {
  return number && *number >= 0 ? number : std::nullopt;
}

std::optional<std::int64_t> label_in_text(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  text.remove_prefix(begin);
  text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return class_number(value);
}

std::optional<std::int64_t> label_in_json(const std::string& text) {
  const auto json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  for (const char* key : {"label", "cls"}) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number_integer()) continue;
    if (const auto number = class_number(whole_number(*found))) return number;
  }
  return std::nullopt;
}

/// Collects the members of one sample after the other.
class ShardIndexer {
 public:
  ShardIndexer(std::int64_t shard, std::vector<Sample>& samples)
      : shard_(shard), samples_(samples) {}

  void add(TarReader& reader, const TarMember& member) {
    const MemberName name = split_name(member.name);
    if (name.key != key_) {
      finish();
      key_ = name.key;
    }
    const bool readable = member.size <= kLargestLabel;
    if (name.extension == ".cls") {
      if (readable) label_ = label_in_text(reader.read(member));
    } else if (name.extension == ".json") {
      if (readable && !label_) json_label_ = label_in_json(reader.read(member));
    } else if (!image_ && has_image_extension(member.name)) {
      image_ = Sample{member.name, shard_, member.offset, member.size};
    }
  }

  void finish() {
    if (image_) {
      image_->label = label_.value_or(json_label_.value_or(ImageSource::kNoLabel));
      samples_.push_back(*std::move(image_));
    }
    image_.reset();
    label_.reset();
    json_label_.reset();
  }

 private:
  std::int64_t shard_;
  std::vector<Sample>& samples_;
  std::string key_;
  std::optional<Sample> image_;
  std::optional<std::int64_t> label_;
  std::optional<std::int64_t> json_label_;
};

/// The names of the classes; labels, which are the numbers in the files, become class indices.
std::vector<std::string> number_classes(std::vector<Sample>& samples) {
  const auto has_label = [](const Sample& sample) { return sample.label != ImageSource::kNoLabel; };
  NumberedClasses numbers;
  for (const Sample& sample : samples) {
    if (has_label(sample)) numbers.add(sample.label);
  }
  std::vector<std::string> classes = numbers.names();
  for (Sample& sample : samples) {
    if (has_label(sample)) sample.label = numbers.index(sample.label);
  }
  return classes;
}

}  // namespace

std::vector<fs::path> find_shards(const fs::path& folder) {
  std::vector<fs::path> shards;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const fs::path& path = entry.path();
    if (path.filename().native().starts_with('.')) continue;
    if (entry.is_directory(error) || has_image_extension(path)) return {};
    if (path.extension() == ".tar") shards.push_back(path);
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

std::unique_ptr<ImageSource> open_shards(const std::vector<fs::path>& shards) {
  std::vector<Sample> samples;
  std::vector<std::int64_t> samples_per_shard;
  for (const fs::path& shard : shards) {
    const std::int64_t before = std::ssize(samples);
    TarReader reader(shard);
    ShardIndexer indexer(std::ssize(samples_per_shard), samples);
    while (const auto member = reader.next()) indexer.add(reader, *member);
    indexer.finish();
    samples_per_shard.push_back(std::ssize(samples) - before);
  }
  if (samples.empty()) {
    throw UserError("no images in the archive " + quote(shards.front().string()) +
                    (shards.size() > 1 ? " and those that follow it" : "") +
                    ": expected members such as 000.jpg and 000.cls");
  }
  std::vector<std::string> classes = number_classes(samples);
  return std::make_unique<TarSource>(shards, std::move(samples), std::move(samples_per_shard),
                                     std::move(classes));
}

}  // namespace convmae
