#pragma once

#include "convmae/data/sources/source_account.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace convmae {

// What a name says of a file or folder, wherever it lies: in a folder and in an archive alike.

/// Whether the name ends as that of an image that can be decoded. Which format it is, its content
/// decides.
bool has_image_extension(std::string_view name);
/// The endings that are looked for: " .jpeg .jpg ...".
std::string image_extensions();
/// The text with small letters in place of the capitals of ASCII.
std::string in_small_letters(std::string_view text);
/// The ending of a name in small letters, with its dot; empty without one.
std::string extension_of(std::string_view name);

/// Whether people do not see the file or folder: its name begins with a dot. AppleDouble files
/// (`._photo.jpg`) are among them.
bool is_hidden(std::string_view name);
/// Whether it is a folder that a system makes beside people's files, with copies of their images in
/// it or nothing that is theirs.
bool is_system_folder(std::string_view name);

/// Counts files that are no images by their extension.
class OtherKinds {
 public:
  void add(std::string_view name);
  bool empty() const { return count_ == 0; }
  /// The commonest extensions come first.
  void account(SourceAccount& account) const;

 private:
  std::int64_t count_ = 0;
  std::map<std::string, std::int64_t> extensions_;
  bool more_ = false;
};

}  // namespace convmae
