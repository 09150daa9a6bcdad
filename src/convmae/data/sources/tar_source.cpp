#include "convmae/data/sources/tar_source.h"

#include "convmae/base/error.h"
#include "convmae/base/json_number.h"
#include "convmae/base/quote.h"
#include "convmae/data/batch_plan.h"
#include "convmae/data/sources/class_names.h"
#include "convmae/data/sources/entry_names.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/data/sources/folder_classes.h"
#include "convmae/data/sources/splits.h"
#include "convmae/data/sources/tar.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

namespace convmae {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLargestLabel = 1 << 20;
/// Samples that a shuffled epoch holds back to mix shards: about 16 shards of 1,000.
constexpr std::int64_t kShuffleBuffer = 1 << 14;

constexpr LeaveReason kFurtherImage{"further image of a sample", "further images of samples"};
constexpr LeaveReason kNoImage{"sample without an image", "samples without an image"};
constexpr LeaveReason kSystemFile{"file in a folder of the system",
                                  "files in folders of the system"};
constexpr LeaveReason kLink{"link", "links"};
constexpr LeaveReason kOtherPart{"shard of the other part", "shards of the other part"};
constexpr LeaveReason kNoPart{"shard of no part", "shards of no part"};

struct TarSample {
  std::string image;  ///< name of the member
  std::int64_t shard = 0;
  std::int64_t offset = 0;
  std::int64_t size = 0;
  std::int64_t label = ImageSource::kNoLabel;
};

class TarSource : public ImageSource {
 public:
  TarSource(std::vector<fs::path> shards, std::vector<TarSample> samples,
            std::vector<std::string> classes, bool numbered, SourceAccount account)
      : shards_(std::move(shards)),
        samples_(std::move(samples)),
        samples_per_shard_(shards_.size()),
        classes_(std::move(classes)),
        numbered_(numbered),
        account_(std::move(account)) {
    for (std::string& name : classes_) name = as_utf8(name);
    for (const TarSample& sample : samples_) {
      ++samples_per_shard_[static_cast<std::size_t>(sample.shard)];
      if (sample.label != kNoLabel) ++account_.labelled;
    }
    account_.images = size();
    account_.name_classes(classes_);
  }

  std::int64_t size() const override { return std::ssize(samples_); }
  std::string name(std::int64_t index) const override {
    const TarSample& sample = samples_[static_cast<std::size_t>(index)];
    return shards_[static_cast<std::size_t>(sample.shard)].string() + ":" + quote(sample.image);
  }
  std::int64_t label(std::int64_t index) const override {
    return samples_[static_cast<std::size_t>(index)].label;
  }
  const std::vector<std::string>& classes() const override { return classes_; }
  bool has_numbered_classes() const override { return numbered_; }

  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override {
    const TarSample& sample = samples_[static_cast<std::size_t>(index)];
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

  SourceAccount account() const override { return account_; }

 private:
  std::vector<fs::path> shards_;
  std::vector<TarSample> samples_;
  std::vector<std::int64_t> samples_per_shard_;
  std::vector<std::string> classes_;
  bool numbered_;
  SourceAccount account_;
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
  return {name.substr(0, dot), in_small_letters(name.substr(dot))};
}

/// What names a class: text of one line that is not all too long, without blanks around it.
std::optional<std::string> label_text(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  constexpr std::size_t kLongest = 1000;
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
  constexpr std::string_view kNotInNames("\n\r\0", 3);
  if (text.empty() || text.size() > kLongest) return std::nullopt;
  if (text.find_first_of(kNotInNames) != std::string_view::npos) return std::nullopt;
  return std::string(text);
}

/// The class that a value names; nothing for a fraction, a list, an object or null.
std::optional<std::string> label_of(const nlohmann::ordered_json& value) {
  if (value.is_string()) return label_text(value.get_ref<const std::string&>());
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_unsigned()) return std::to_string(value.get<std::uint64_t>());
  const std::optional<std::int64_t> number = whole_number(value);
  if (!number) return std::nullopt;
  return std::to_string(*number);
}

std::optional<std::string> label_in_json(const std::string& text) {
  const auto json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  for (const char* key : {"label", "cls"}) {
    const auto found = json.find(key);
    if (found == json.end()) continue;
    if (std::optional<std::string> label = label_of(*found)) return label;
  }
  return std::nullopt;
}

/// A member's path as it would be under a folder: without what stands for that folder itself.
std::string plain_path(std::string_view name) {
  std::string path;
  while (!name.empty()) {
    const std::size_t slash = std::min(name.find('/'), name.size());
    const std::string_view component = name.substr(0, slash);
    name.remove_prefix(std::min(slash + 1, name.size()));
    if (component.empty() || component == ".") continue;
    if (!path.empty()) path += '/';
    path += component;
  }
  return path;
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Why a member is left out by its name, if it is.
std::optional<LeaveReason> reason_in_path(std::string_view path) {
  while (true) {
    const std::size_t slash = path.find('/');
    const bool is_folder = slash != std::string_view::npos;
    const std::string_view component = path.substr(0, slash);
    if (is_hidden(component) && component != "..") return kHiddenFile;
    if (!is_folder) return std::nullopt;
    if (is_system_folder(component)) return kSystemFile;
    path.remove_prefix(slash + 1);
  }
}

/// An image that is not the one of its sample.
struct FurtherImage {
  TarSample image;
  std::int64_t sample = 0;  ///< number of its sample
};

/// Everything that shards hold.
struct ShardContents {
  std::vector<TarSample> samples;
  std::vector<bool> plain;  ///< of each sample: its image's name is the key and one extension
  std::vector<FurtherImage> further;
  ClassNames classes;  ///< those of labels
  SourceAccount account;
  OtherKinds others;
};

/// Brings the members of one shard's samples together, whatever their order.
class ShardIndexer {
 public:
  ShardIndexer(const fs::path& path, std::int64_t shard, ShardContents& contents)
      : path_(path), shard_(shard), contents_(contents) {}

  void add(TarReader& reader, const TarMember& member) {
    const std::string path = plain_path(member.name);
    if (const auto reason = reason_in_path(path)) {
      contents_.account.leave_out(*reason, file_name(path));
      return;
    }
    const MemberName name = split_name(path);
    Entry& entry = entries_[std::string(name.key)];
    const std::string ending = path.substr(name.key.size()) + '/';
    if (('/' + entry.endings).find('/' + ending) != std::string::npos) {
      throw UserError("the archive " + quote(path_.string()) + " holds " + quote(path) +
                      " twice: names in a shard must differ: write the shard anew");
    }
    entry.endings += ending;
    const bool readable = member.size <= kLargestLabel;
    if (name.extension == ".cls") {
      entry.described = true;
      if (readable) entry.label = label_text(reader.read(member));
    } else if (name.extension == ".json") {
      entry.described = true;
      if (readable) entry.json_label = label_in_json(reader.read(member));
    } else if (has_image_extension(path)) {
      add_image(entry, {member.name, shard_, member.offset, member.size},
                name.extension == extension_of(path));
    } else {
      contents_.others.add(file_name(path));
    }
  }

  void finish() {
    for (const auto& [key, entry] : entries_) {
      if (entry.sample >= 0) {
        const auto& label = entry.label ? entry.label : entry.json_label;
        if (!label) continue;
        contents_.samples[static_cast<std::size_t>(entry.sample)].label =
            contents_.classes.add(*label);
      } else if (entry.described) {
        contents_.account.leave_out(kNoImage, file_name(key));
      }
    }
  }

 private:
  struct Entry {
    std::int64_t sample = -1;  ///< number of the sample
    bool described = false;
    std::optional<std::string> label;
    std::optional<std::string> json_label;
    std::string endings;  ///< of its members' names, each with a slash behind it
  };

  /// The first image whose name is the key and one extension is the sample's, `a.jpg` rather than
  /// `a.mask.png`; without one the first of all.
  void add_image(Entry& entry, TarSample image, bool plain) {
    if (entry.sample < 0) {
      entry.sample = std::ssize(contents_.samples);
      contents_.samples.push_back(std::move(image));
      contents_.plain.push_back(plain);
      return;
    }
    const auto number = static_cast<std::size_t>(entry.sample);
    if (plain && !contents_.plain[number]) {
      std::swap(image, contents_.samples[number]);
      contents_.plain[number] = true;
    }
    contents_.further.push_back({std::move(image), entry.sample});
  }

  const fs::path& path_;
  std::int64_t shard_;
  ShardContents& contents_;
  std::map<std::string, Entry> entries_;
};

/// The classes that labels name, if there are any; those of the samples become indices.
std::vector<std::string> classes_by_label(ShardContents& contents) {
  contents.classes.settle();
  for (TarSample& sample : contents.samples) {
    if (sample.label != ImageSource::kNoLabel) sample.label = contents.classes.index(sample.label);
  }
  return contents.classes.names();
}

/// The classes of archives that hold no label: what folders in them mean. Images that are not in
/// the part that `split` names are dropped.
std::vector<std::string> classes_by_folder(ShardContents& contents, Split split,
                                           SourceAccount& account) {
  std::vector<TarSample>& samples = contents.samples;
  const bool flat = std::ranges::any_of(samples, [](const TarSample& sample) {
    return plain_path(sample.image).find('/') == std::string::npos;
  });
  std::vector<TarSample> further;
  for (FurtherImage& image : contents.further) {
    // Where no name is the key and one extension, the dots are part of the names.
    if (flat && contents.plain[static_cast<std::size_t>(image.sample)]) {
      account.leave_out(kFurtherImage, plain_path(image.image.image));
    } else {
      further.push_back(std::move(image.image));
    }
  }
  contents.further.clear();
  std::ranges::move(further, std::back_inserter(samples));
  std::ranges::sort(samples, {},
                    [](const TarSample& sample) { return std::pair(sample.shard, sample.offset); });
  std::vector<std::string> paths;
  paths.reserve(samples.size());
  for (const TarSample& sample : samples) paths.push_back(plain_path(sample.image));
  const ArchiveFolder chosen = choose_archive_folder(paths, split, account);
  const FolderClasses classes = folder_classes(chosen.paths);
  std::vector<TarSample> kept;
  kept.reserve(chosen.images.size());
  for (std::size_t i = 0; i < chosen.images.size(); ++i) {
    kept.push_back(std::move(samples[static_cast<std::size_t>(chosen.images[i])]));
    if (classes.are_classes()) kept.back().label = classes.labels[i];
  }
  samples = std::move(kept);
  if (!classes.are_classes()) {
    if (!classes.folders.empty()) account.remarks.push_back(classes.why_none());
    return {};
  }
  return classes.folders;
}

/// "a.tar and 3 more: ".
std::string place_of(const std::vector<fs::path>& shards) {
  const std::string first = shards.front().string();
  return shards.size() == 1 ? first
                            : first + " and " + with_commas(std::ssize(shards) - 1) + " more";
}

}  // namespace

std::vector<fs::path> find_shards(const fs::path& folder, const FolderEntries& entries, Split split,
                                  SourceAccount& account) {
  if (!entries.folders.empty() || entries.images > 0) return {};
  std::vector<std::string> shards;
  OtherKinds others;
  for (const std::string& name : entries.others) {
    if (extension_of(name) == ".tar") {
      shards.push_back(name);
    } else {
      others.add(name);
    }
  }
  if (shards.empty()) return {};
  const auto is_of = [&shards](Split part) {
    return std::ranges::count(shards, std::optional(part), split_in_name) > 0;
  };
  const bool has_parts = is_of(Split::train) && is_of(Split::val);
  account.leave_out(entries.left_out);
  others.account(account);
  std::vector<fs::path> chosen;
  for (const std::string& name : shards) {
    const std::optional<Split> part = has_parts ? split_in_name(name) : split;
    if (part == split) {
      chosen.push_back(folder / name);
    } else {
      account.leave_out(part ? kOtherPart : kNoPart, name);
    }
  }
  return chosen;
}

std::unique_ptr<ImageSource> open_shards(const std::vector<fs::path>& shards, Split split,
                                         SourceAccount account) {
  ShardContents contents;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    TarReader reader(shards[i]);
    ShardIndexer indexer(shards[i], static_cast<std::int64_t>(i), contents);
    while (const auto member = reader.next()) indexer.add(reader, *member);
    indexer.finish();
    if (reader.links() > 0) {
      contents.account.leave_out(kLink, file_name(plain_path(reader.first_link())), reader.links());
    }
  }
  account.place = place_of(shards);
  account.kind = shards.size() == 1 ? "archive" : with_commas(std::ssize(shards)) + " shards";
  contents.others.account(contents.account);
  account.leave_out(contents.account.left_out);
  if (contents.samples.empty()) {
    throw UserError("no images in the archive " + quote(shards.front().string()) +
                    (shards.size() > 1 ? " and those that follow it" : "") +
                    (account.left_out.empty() ? "" : ", found " + account.left_out_text()) +
                    ": expected members such as 000.jpg and 000.cls");
  }
  std::vector<std::string> classes = classes_by_label(contents);
  const bool numbered = contents.classes.numbered();
  if (classes.empty()) classes = classes_by_folder(contents, split, account);
  for (const FurtherImage& further : contents.further) {
    account.leave_out(kFurtherImage, plain_path(further.image.image));
  }
  return std::make_unique<TarSource>(shards, std::move(contents.samples), std::move(classes),
                                     numbered, std::move(account));
}

}  // namespace convmae
