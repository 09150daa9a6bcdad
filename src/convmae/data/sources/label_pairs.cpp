#include "convmae/data/sources/label_pairs.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/sources/entry_names.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/data/sources/folder_walk.h"
#include "convmae/data/sources/list_lines.h"
#include "convmae/data/sources/list_root.h"
#include "convmae/data/sources/splits.h"
#include "convmae/io/unicode_text.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace convmae {
namespace {

namespace fs = std::filesystem;

constexpr LeaveReason kLoneLabel{"label file without an image", "label files without an image"};

/// The first of `folders` called by one of the names, in any case; empty if there is none.
std::string folder_called(const std::vector<std::string>& folders,
                          std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const auto found = std::ranges::find(folders, name, in_small_letters);
    if (found != folders.end()) return *found;
  }
  return "";
}

std::optional<SplitNames> splits_of(const fs::path& folder) {
  return find_splits(entries_of(folder).folders,
                     [&folder](const std::string& name) { return holds_images(folder / name); });
}

/// The folder of a data set's part, or the folder itself if it has no parts.
fs::path part_of(const fs::path& folder, Split split, SourceAccount& account) {
  const auto splits = splits_of(folder);
  if (!splits) return folder;
  SourceAccount own{.place = folder.string()};
  const std::string name = chosen_split(*splits, split, own);
  account.leave_out(own.left_out);
  return folder / name;
}

/// The folders of images and of label files.
struct Folders {
  fs::path images;
  fs::path labels;
};

/// Those that lie in a folder.
Folders folders_in(const fs::path& data) {
  const FolderEntries entries = entries_of(data);
  const std::string images = folder_called(entries.folders, {"images", "img_dir"});
  const std::string labels =
      folder_called(entries.folders, {"annotations", "labels", "masks", "ann_dir"});
  if (!images.empty() && !labels.empty()) return {data / images, data / labels};
  const bool is_wrapper = entries.folders.size() == 1 && entries.images == 0;
  if (is_wrapper && images.empty()) return folders_in(data / entries.folders.front());
  throw UserError("expected the folders 'images' and 'annotations' in " + quote(data.string()) +
                  ", found " +
                  (entries.folders.empty() ? "no folder" : quote(entries.folders.front())) +
                  ": give the folder of the label files too (--labels), or a list of pairs");
}

/// Nothing for a list of pairs.
std::optional<Folders> find_folders(const fs::path& data, const fs::path& labels) {
  std::error_code error;
  const fs::file_status status = fs::status(data, error);
  if (!fs::exists(status)) {
    throw UserError("cannot open the data " + quote(data.string()) + ": " +
                    (error ? error.message() : "no such file or folder") +
                    ": give a folder with images and annotations in it, a folder of images beside "
                    "one of labels, or a list of pairs");
  }
  if (fs::is_directory(status)) return labels.empty() ? folders_in(data) : Folders{data, labels};
  if (labels.empty()) return std::nullopt;
  throw UserError("expected a folder of images beside the folder of labels " +
                  quote(labels.string()) + ", found the file " + quote(data.string()) +
                  ": a list names the label files itself");
}

/// Files by their paths below a folder without the extension.
using ByStem = std::map<std::string, std::string>;

ByStem files_by_stem(const fs::path& folder, SourceAccount& account) {
  FolderImages found = walk_folder(folder);
  account.leave_out(found.left_out);
  ByStem files;
  for (std::string& path : found.paths) {
    const std::string stem = fs::path(path).replace_extension().string();
    const auto [other, is_new] = files.emplace(stem, path);
    if (!is_new) {
      throw UserError("expected one file of a name beside its extension in " +
                      quote(folder.string()) + ", found " + quote(other->second) + " and " +
                      quote(path) + ": move one of them away, or give a list of pairs");
    }
  }
  if (files.empty()) {
    throw UserError("no images in the folder " + quote(folder.string()) +
                    ": looked at every depth for names ending in" + image_extensions() +
                    ": check the path");
  }
  return files;
}

std::unique_ptr<LabelPairs> match_folders(const Folders& folders, Split split) {
  SourceAccount account;
  const fs::path image_folder = part_of(folders.images, split, account);
  const fs::path label_folder = part_of(folders.labels, split, account);
  const ByStem image_files = files_by_stem(image_folder, account);
  ByStem label_files = files_by_stem(label_folder, account);
  std::vector<LabelPairs::Pair> pairs;
  LabelPairs::Lone lone;
  for (const auto& [stem, path] : image_files) {
    const std::string image = (image_folder / path).string();
    const auto label = label_files.find(stem);
    if (label == label_files.end()) {
      lone.images.push_back(image);
      continue;
    }
    pairs.push_back({image, (label_folder / label->second).string()});
    label_files.erase(label);
  }
  for (const auto& [stem, path] : label_files)
    lone.labels.push_back((label_folder / path).string());
  if (pairs.empty()) {
    throw UserError("expected label files in " + quote(label_folder.string()) +
                    " called as images in " + quote(image_folder.string()) +
                    " but for the extension, found " + quote(image_files.begin()->second) +
                    " and " + quote(label_files.begin()->second) +
                    ": rename them, or give a list of pairs");
  }
  // In the order of paths, as in any folder of images, whatever follows their dots.
  std::ranges::sort(pairs, {}, &LabelPairs::Pair::image);
  account.place = image_folder.string();
  account.kind = "folder with labels";
  return std::make_unique<LabelPairs>(std::move(pairs), std::move(lone), std::move(account));
}

std::unique_ptr<LabelPairs> open_list_of_pairs(const fs::path& list) {
  constexpr FileKind kList{"a folder or a text list of images and labels", std::int64_t{1} << 30};
  const std::string name = "list " + quote(list.string());
  ListRoot root(list);
  ListLines table =
      parse_list(read_unicode_text(list, kList), "the " + name,
                 [&root](const std::string& path) { return root.leads_to_image(path); });
  if (table.lines.empty()) {
    throw UserError("no images in the " + name + ": expected an image and its label file a line");
  }
  root.settle(table.lines, name);
  SourceAccount account{.place = list.string(), .kind = "list"};
  if (!table.choice.empty()) account.remarks.push_back(std::move(table.choice));
  std::vector<LabelPairs::Pair> pairs;
  LabelPairs::Lone lone;
  for (const ListLine& line : table.lines) {
    const std::string image = (root.path() / line.path).string();
    if (line.label.empty()) {
      lone.images.push_back(image);
      continue;
    }
    pairs.push_back({image, (root.path() / root.slashes_turned(line.label)).string()});
  }
  if (pairs.empty()) {
    throw UserError("expected an image and its label file a line in the " + name +
                    ", found images alone: add the label files");
  }
  return std::make_unique<LabelPairs>(std::move(pairs), std::move(lone), std::move(account));
}

}  // namespace

LabelPairs::LabelPairs(std::vector<Pair> pairs, Lone lone, SourceAccount account)
    : pairs_(std::move(pairs)), lone_(std::move(lone)), account_(std::move(account)) {
  if (pairs_.empty()) throw UserError("expected at least one image with a label file, found none");
  account_.images = account_.labelled = size();
  for (const std::string& image : lone_.images) {
    account_.leave_out(kUnlabelled, fs::path(image).filename().string());
  }
  for (const std::string& label : lone_.labels) {
    account_.leave_out(kLoneLabel, fs::path(label).filename().string());
  }
}

void LabelPairs::read(std::int64_t index, std::vector<std::uint8_t>& bytes) const {
  read_file(pair(index).image, bytes);
}

void LabelPairs::read_label(std::int64_t index, std::vector<std::uint8_t>& bytes) const {
  read_file(pair(index).label, bytes);
}

std::unique_ptr<LabelPairs> open_label_pairs(const fs::path& data, const fs::path& labels,
                                             Split split) {
  const std::optional<Folders> folders = find_folders(data, labels);
  return folders ? match_folders(*folders, split) : open_list_of_pairs(data);
}

std::vector<Split> label_splits(const fs::path& data, const fs::path& labels) {
  const std::optional<Folders> folders = find_folders(data, labels);
  const auto splits = folders ? splits_of(folders->images) : std::nullopt;
  std::vector<Split> found;
  if (!splits || !splits->training.empty()) found.push_back(Split::train);
  if (splits && !splits->held_out.empty()) found.push_back(Split::val);
  return found;
}

}  // namespace convmae
