#include "convmae/data/sources/folder_walk.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/sources/entry_names.h"
#include "convmae/io/run_header.h"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

namespace convmae {
namespace {

namespace fs = std::filesystem;

constexpr LeaveReason kUnreadable{"folder that cannot be read", "folders that cannot be read"};
constexpr LeaveReason kLoop{"link back to a folder that it lies in",
                            "links back to folders that they lie in"};
constexpr LeaveReason kDeep{"folder below a depth of 32", "folders below a depth of 32"};
constexpr LeaveReason kBroken{"link that leads nowhere", "links that lead nowhere"};
constexpr LeaveReason kRun{"directory of a run", "directories of runs"};

/// The names in one folder by what is to become of them.
struct Listing {
  std::vector<fs::path> folders;
  std::vector<fs::path> linked;  ///< of `folders`, those that are links
  std::vector<std::string> images;
  std::vector<std::string> others;
  std::vector<std::pair<LeaveReason, std::string>> left_out;
  bool may_be_run = false;
  std::error_code error;  ///< the folder could not be read to its end
};

/// Sorts one entry in. No file is asked for but links, whose directory entries do not say what they
/// lead to.
void take_entry(const fs::directory_entry& entry, Listing& listing) {
  const fs::path path = entry.path().filename();
  const std::string& name = path.native();
  listing.may_be_run = listing.may_be_run || name == kRunLock || name == kRunLog;
  std::error_code unreachable;
  const bool is_folder = entry.is_directory(unreachable);
  if (is_hidden(name)) {
    listing.left_out.emplace_back(is_folder ? kHiddenFolder : kHiddenFile, name);
  } else if (is_folder && is_system_folder(name)) {
    listing.left_out.emplace_back(kSystemFolder, name);
  } else if (is_folder) {
    listing.folders.push_back(path);
    if (entry.is_symlink(unreachable)) listing.linked.push_back(path);
  } else if (unreachable && entry.is_symlink(unreachable)) {
    listing.left_out.emplace_back(kBroken, name);
  } else if (has_image_extension(name)) {
    listing.images.push_back(name);
  } else {
    listing.others.push_back(name);
  }
}

Listing list_folder(const fs::path& folder) {
  Listing listing;
  fs::directory_iterator entry(folder, listing.error);
  while (!listing.error && entry != fs::directory_iterator()) {
    take_entry(*entry, listing);
    entry.increment(listing.error);
  }
  return listing;
}

[[noreturn]] void throw_unreadable(const fs::path& folder, const std::error_code& error) {
  throw UserError("cannot read the folder " + quote(folder.string()) + ": " + error.message() +
                  ": check the path and its permissions");
}

class Walk {
 public:
  explicit Walk(const fs::path& root) : root_(root) {}

  FolderImages run() {
    visit({}, 0);
    std::ranges::sort(found_.paths);
    others_.account(account_);
    found_.left_out = std::move(account_.left_out);
    return std::move(found_);
  }

 private:
  void visit(const fs::path& below, int depth) {
    const fs::path folder = below.empty() ? root_ : root_ / below;
    Listing listing = list_folder(folder);
    if (listing.error) {
      if (depth == 0) throw_unreadable(folder, listing.error);
      account_.leave_out(kUnreadable, below.string() + ": " + listing.error.message());
    }
    const bool is_run = listing.may_be_run && holds_run(folder);
    if (is_run && depth > 0) {
      account_.leave_out(kRun, below.string());
      ++runs_;
      return;
    }
    // In order, so that what is said of them is always the same.
    std::ranges::sort(listing.left_out, {}, &std::pair<LeaveReason, std::string>::second);
    for (const auto& [reason, name] : listing.left_out) account_.leave_out(reason, name);
    for (const std::string& name : listing.others) others_.add(name);
    for (const std::string& name : listing.images) {
      found_.paths.push_back(below.empty() ? name : (below / name).native());
    }
    std::ranges::sort(listing.folders);
    for (const fs::path& name : listing.folders) {
      const bool linked = std::ranges::find(listing.linked, name) != listing.linked.end();
      if (is_run && name == kRunPanels) {
        account_.leave_out(kRun, name.string());
      } else if (linked && leads_back(below, name)) {
        account_.leave_out(kLoop, (below / name).string());
      } else if (depth == kMaxDepth) {
        account_.leave_out(kDeep, name.string());
      } else {
        const std::size_t images = found_.paths.size();
        const std::int64_t runs = runs_;
        visit(below / name, depth + 1);
        const bool holds_runs_alone = runs_ > runs && found_.paths.size() == images;
        if (depth == 0 && !holds_runs_alone) found_.folders.push_back(name.native());
      }
    }
  }

  /// Whether the link `below / name` leads to a folder that it is reached through.
  bool leads_back(const fs::path& below, const fs::path& name) const {
    std::error_code ignored;
    const fs::path target = fs::canonical(root_ / below / name, ignored);
    const auto lies_in_target = [&](const fs::path& folder) {
      const fs::path real = fs::canonical(folder, ignored);
      const auto [end, rest] = std::ranges::mismatch(target, real);
      return end == target.end();
    };
    fs::path folder = root_;
    if (lies_in_target(folder)) return true;
    return std::ranges::any_of(below, [&](const fs::path& component) {
      folder /= component;
      return lies_in_target(folder);
    });
  }

  static constexpr int kMaxDepth = 32;

  const fs::path& root_;
  FolderImages found_;
  SourceAccount account_;
  OtherKinds others_;
  std::int64_t runs_ = 0;
};

}  // namespace

FolderImages walk_folder(const fs::path& folder) { return Walk(folder).run(); }

FolderEntries entries_of(const fs::path& folder) {
  FolderEntries entries;
  SourceAccount account;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const fs::path name = entry->path().filename();
    std::error_code unreachable;
    // Links by the name of an image are believed here, as there may be a million of them.
    const bool named_as_image = has_image_extension(name.native());
    const bool is_folder =
        !(named_as_image && entry->is_symlink(unreachable)) && entry->is_directory(unreachable);
    if (is_hidden(name.native())) {
      account.leave_out(is_folder ? kHiddenFolder : kHiddenFile, name.native());
    } else if (is_folder && is_system_folder(name.native())) {
      account.leave_out(kSystemFolder, name.native());
    } else if (is_folder) {
      entries.folders.push_back(name.native());
    } else if (!named_as_image) {
      entries.others.push_back(name.native());
    } else if (entries.images++ == 0) {
      entries.first_image = name.native();
    }
  }
  if (error) throw_unreadable(folder, error);
  std::ranges::sort(entries.folders);
  std::ranges::sort(entries.others);
  entries.left_out = std::move(account.left_out);
  return entries;
}

bool holds_images(const fs::path& folder) {
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied,
                                         error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const fs::path name = entry->path().filename();
    std::error_code unreachable;
    const bool is_folder = entry->is_directory(unreachable);
    if (is_hidden(name.native()) || (is_folder && is_system_folder(name.native()))) {
      entry.disable_recursion_pending();
    } else if (!is_folder && has_image_extension(name.native())) {
      return true;
    }
  }
  return false;
}

}  // namespace convmae
