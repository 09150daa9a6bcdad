#include "convmae/data/sources/source.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/batch_plan.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/data/sources/folder_walk.h"
#include "convmae/data/sources/idx_source.h"
#include "convmae/data/sources/splits.h"
#include "convmae/data/sources/tar_source.h"
#include "convmae/io/run_header.h"

#include <system_error>

namespace convmae {

namespace fs = std::filesystem;

namespace {

/// Whether a folder's only other folder holds the data set, as unpacked archives have it: it has
/// folders, and no images beside them.
bool is_wrapper(const fs::path& folder, const FolderEntries& entries) {
  if (entries.folders.size() != 1 || entries.images > 0) return false;
  std::error_code ignored;
  const fs::path inner = folder / entries.folders.front();
  if (fs::is_symlink(inner, ignored) || holds_run(inner)) return false;
  const FolderEntries below = entries_of(inner);
  return !below.folders.empty() && below.images == 0;
}

/// `account` says what was left out on the way to the folder. In a folder that is a part of a data
/// set all folders are classes.
std::unique_ptr<ImageSource> open_any_folder(const fs::path& folder, Split split, bool is_part,
                                             SourceAccount account) {
  const FolderEntries entries = entries_of(folder);
  account.place = folder.string();
  if (const auto idx = find_idx_images(folder, entries, split, account)) {
    return open_idx(*idx, std::move(account));
  }
  if (const auto shards = find_shards(folder, entries, split, account); !shards.empty()) {
    return open_shards(shards, split, std::move(account));
  }
  const auto open_inner = [&](const std::string& name, bool inner_is_part) {
    account.leave_out(entries.left_out);
    if (entries.images > 0) account.leave_out(kImageBeside, entries.first_image, entries.images);
    return open_any_folder(folder / name, split, inner_is_part, std::move(account));
  };
  if (is_part) {
    // An archive unpacked into a folder of its name: train/train.
    const bool twice = is_wrapper(folder, entries) && entries.folders.front() == folder.filename();
    if (twice) return open_inner(entries.folders.front(), true);
    return open_folder(folder, std::move(account));
  }
  const auto has_images = [&folder](const std::string& name) {
    return holds_images(folder / name);
  };
  if (const auto splits = find_splits(entries.folders, has_images)) {
    return open_inner(chosen_split(*splits, split, account), true);
  }
  if (is_wrapper(folder, entries)) return open_inner(entries.folders.front(), false);
  if (entries.images == 0) remark_classes(entries.folders, account);
  return open_folder(folder, std::move(account));
}

}  // namespace

std::vector<std::int64_t> ImageSource::shuffled(std::uint64_t seed, std::uint64_t epoch) const {
  return epoch_order(seed, epoch, size());
}

std::unique_ptr<ImageSource> open_source(const fs::path& path, Split split) {
  std::error_code error;
  if (path.extension() == ".tar" && !fs::is_directory(path, error)) {
    const std::vector<std::string> names = expand_braces(path.string());
    return open_shards({names.begin(), names.end()}, split);
  }
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    throw UserError("cannot open the data " + quote(path.string()) + ": " +
                    (error ? error.message() : "no such file or folder") +
                    ": give a folder of images, a list of paths, an IDX file or shards");
  }
  if (!fs::is_directory(status)) return is_idx_images(path) ? open_idx(path) : open_list(path);
  return open_any_folder(path, split, false, {});
}

}  // namespace convmae
