#include "convmae/cli/image_words.h"

#include "convmae/base/error.h"
#include "convmae/data/decode/decode.h"
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

/// Whether a word names an image; else it may be a folder, a list or an archive.
bool names_image(const std::string& path) {
  constexpr std::size_t kBeginning = 16;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  std::vector<std::uint8_t> bytes;
  read_file_part(path, 0, kBeginning, bytes);
  return sniff_image_format(bytes) != ImageFormat::unknown;
}

}  // namespace

void ImageWords::add_to(CLI::App& command) {
  command.add_option("images", words_, "JPEG, PNG, WebP, TIFF or .npy files");
  command.add_option("--data", data_, "In place of them a folder, a list or an archive");
}

std::shared_ptr<const ImageSource> ImageWords::open() const {
  if (data_.empty() == words_.empty()) {
    throw UserError(data_.empty() ? "give images: files, or a folder, list or archive with --data"
                                  : "give images either as words or with --data, not both");
  }
  if (!data_.empty()) return opened_images(data_, Split::val);
  if (words_.size() == 1 && !names_image(words_.front())) {
    return opened_images(words_.front(), Split::val);
  }
  std::vector<FileSource::Entry> entries;
  entries.reserve(words_.size());
  for (const std::string& path : words_) entries.push_back({path, ImageSource::kNoLabel});
  return std::make_shared<FileSource>("", std::move(entries), std::vector<std::string>{},
                                      SourceAccount{});
}

}  // namespace convmae
