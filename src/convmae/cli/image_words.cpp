#include "convmae/cli/image_words.h"

#include "convmae/base/error.h"
#include "convmae/data/decode/decode.h"
#include "convmae/data/sources/entry_names.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/train/opened_images.h"

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

namespace convmae {
namespace {

/// Whether a word names an image, also one that is damaged; else it may be a folder, a list or an
/// archive.
bool names_image(const std::string& path) {
  constexpr std::size_t kBeginning = 16;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  if (has_image_extension(path)) return true;
  std::vector<std::uint8_t> bytes;
  read_file_part(path, 0, kBeginning, bytes);
  return sniff_image_format(bytes) != ImageFormat::unknown;
}

}  // namespace

void ImageWords::add_to(CLI::App& command) {
  command.add_option("images", words_, "JPEG, PNG, WebP, TIFF or .npy files");
  command.add_option("--data", data_, "In place of them a folder, a list or an archive");
}

std::string ImageWords::collection() const {
  if (!data_.empty()) return data_;
  return words_.size() == 1 && !names_image(words_.front()) ? words_.front() : "";
}

std::filesystem::path ImageWords::folder() const {
  const std::filesystem::path path = collection();
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? path : path.parent_path();
}

std::shared_ptr<const ImageSource> ImageWords::open() const {
  if (data_.empty() == words_.empty()) {
    throw UserError(data_.empty() ? "give images: files, or a folder, list or archive with --data"
                                  : "give images either as words or with --data, not both");
  }
  if (const std::string path = collection(); !path.empty()) {
    return opened_images(path, Split::val);
  }
  std::vector<FileSource::Entry> entries;
  entries.reserve(words_.size());
  for (const std::string& path : words_) entries.push_back({path, ImageSource::kNoLabel});
  return std::make_shared<FileSource>("", std::move(entries), std::vector<std::string>{},
                                      SourceAccount{});
}

}  // namespace convmae
