#include "convmae/data/sources/folder_classes.h"

#include "convmae/data/sources/splits.h"

#include <algorithm>
#include <map>

namespace convmae {
namespace {

/// Whether the image lies in a folder in a folder.
bool is_deep(std::string_view path) {
  const std::size_t slash = path.find('/');
  return slash != std::string_view::npos && path.find('/', slash + 1) != std::string_view::npos;
}

/// Only what lies in `name` remains.
void enter(ArchiveFolder& folder, std::string_view name) {
  ArchiveFolder inner;
  for (std::size_t i = 0; i < folder.paths.size(); ++i) {
    const std::string_view path = folder.paths[i];
    if (!path.starts_with(name) || path.substr(name.size(), 1) != "/") continue;
    inner.paths.push_back(path.substr(name.size() + 1));
    inner.images.push_back(folder.images[i]);
  }
  folder = std::move(inner);
}

}  // namespace

FolderClasses folder_classes(const std::vector<std::string_view>& paths) {
  FolderClasses classes;
  std::map<std::string_view, std::int64_t> label_of;
  for (const std::string_view path : paths) {
    const std::size_t slash = path.find('/');
    if (slash != std::string_view::npos) {
      label_of.emplace(path.substr(0, slash), 0);
    } else if (classes.beside++ == 0) {
      classes.first_beside = path;
    }
  }
  for (auto& [name, label] : label_of) {
    label = std::ssize(classes.folders);
    classes.folders.emplace_back(name);
  }
  if (!classes.are_classes()) return classes;
  classes.labels.reserve(paths.size());
  for (const std::string_view path : paths) {
    classes.labels.push_back(label_of.at(path.substr(0, path.find('/'))));
  }
  return classes;
}

std::string FolderClasses::why_none() const {
  return "its folders are no classes, as " + counted(beside, "image lies", "images lie") +
         " beside them (" + first_beside + (beside > 1 ? ", ...)" : ")");
}

ArchiveFolder choose_archive_folder(const std::vector<std::string>& paths, Split split,
                                    SourceAccount& account) {
  ArchiveFolder folder{{paths.begin(), paths.end()}, {}};
  for (std::int64_t i = 0; i < std::ssize(paths); ++i) folder.images.push_back(i);
  const auto go_into = [&](const std::string& name) {
    enter(folder, name);
    account.place += (account.place.ends_with('/') ? "" : ":") + name + "/";
  };
  while (true) {
    const FolderClasses found = folder_classes(folder.paths);
    if (const auto splits = find_splits(found.folders, [](const std::string&) { return true; })) {
      if (found.beside > 0) account.leave_out(kImageBeside, found.first_beside);
      go_into(chosen_split(*splits, split, account));
      return folder;
    }
    if (found.folders.size() != 1 || !std::ranges::all_of(folder.paths, is_deep)) {
      if (found.are_classes()) remark_classes(found.folders, account);
      return folder;
    }
    go_into(found.folders.front());
  }
}

}  // namespace convmae
