#include "convmae/data/sources/entry_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

namespace convmae {
namespace {

/// Those of JPEG after the first two are what Windows, Chrome and old Macs call it.
constexpr std::array<std::string_view, 13> kImages{".jpeg", ".jpg",  ".jfif",  ".jpe", ".jif",
                                                   ".jfi",  ".pjp",  ".pjpeg", ".npy", ".png",
                                                   ".tif",  ".tiff", ".webp"};

/// Of unzipped archives from a Mac, of Synology's storage (thumbnails of every image), of disks
/// that Windows wrote to, and of the roots of Linux' file systems.
constexpr std::array<std::string_view, 5> kSystemFolders{"__MACOSX", "@eaDir", "$RECYCLE.BIN",
                                                         "System Volume Information", "lost+found"};

}  // namespace

std::string in_small_letters(std::string_view text) {
  std::string small(text);
  std::ranges::transform(small, small.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return small;
}

std::string extension_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return "";
  return in_small_letters(name.substr(dot));
}

bool has_image_extension(std::string_view name) {
  return std::ranges::find(kImages, extension_of(name)) != kImages.end();
}

std::string image_extensions() {
  std::string text;
  for (const std::string_view extension : kImages) text.append(" ").append(extension);
  return text;
}

bool is_hidden(std::string_view name) { return name.starts_with('.'); }

bool is_system_folder(std::string_view name) {
  return std::ranges::find(kSystemFolders, name) != kSystemFolders.end();
}

void OtherKinds::add(std::string_view name) {
  constexpr std::size_t kMostExtensions = 1000;  // numbers behind the dot, say
  ++count_;
  std::string extension = extension_of(name);
  if (extension.size() < 2) extension = "no extension";
  const auto found = extensions_.find(extension);
  if (found != extensions_.end()) {
    ++found->second;
  } else if (extensions_.size() < kMostExtensions) {
    extensions_.emplace(std::move(extension), 1);
  } else {
    more_ = true;
  }
}

void OtherKinds::account(SourceAccount& account) const {
  if (count_ == 0) return;
  std::vector<std::pair<std::int64_t, std::string>> commonest;
  commonest.reserve(extensions_.size());
  for (const auto& [extension, count] : extensions_) commonest.emplace_back(-count, extension);
  std::ranges::sort(commonest);
  LeftOut left_out{.reason = kOtherKind};
  for (const auto& [count, extension] : commonest) left_out.add(extension);
  left_out.count = count_;
  left_out.more_examples = left_out.more_examples || more_;
  account.leave_out({left_out});
}

}  // namespace convmae
