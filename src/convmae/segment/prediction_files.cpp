#include "convmae/segment/prediction_files.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/atomic_file.h"
#include "convmae/io/directories.h"
#include "convmae/report/canvas.h"
#include "convmae/report/png.h"
#include "convmae/segment/segmentation_pictures.h"

#include <cstddef>
#include <numeric>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace convmae {
namespace {

constexpr const char* kLabels = "labels";
constexpr const char* kOverlays = "overlays";

void write_bytes(const std::filesystem::path& file, const std::vector<std::uint8_t>& bytes) {
  make_directory(file.parent_path());
  write_file_atomically(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// How many characters all names begin with, up to the last slash.
std::size_t common_beginning(const ImageSource& source) {
  std::string folder = source.size() > 0 ? source.name(0) : "";
  const auto cut = [&folder] { folder.resize(folder.rfind('/') + 1); };
  cut();
  for (std::int64_t i = 1; i < source.size(); ++i) {
    const std::string name = source.name(i);
    while (!name.starts_with(folder)) {
      folder.pop_back();
      cut();
    }
  }
  return folder.size();
}

}  // namespace

void SegmentationFiles::require(const std::filesystem::path& directory) {
  std::error_code ignored;
  if (std::filesystem::exists(directory, ignored) &&
      !std::filesystem::is_empty(directory, ignored)) {
    throw UserError("--out needs a new or an empty directory, found " + quote(directory.string()) +
                    " with something in it: choose another name");
  }
  require_writable_directory(directory);
}

SegmentationFiles::SegmentationFiles(std::filesystem::path directory,
                                     std::shared_ptr<const ImageSource> source,
                                     std::shared_ptr<const LabelScheme> scheme,
                                     DecodeOptions decode, bool overlays)
    : directory_(std::move(directory)),
      source_(std::move(source)),
      scheme_(std::move(scheme)),
      decode_(decode),
      overlays_(overlays),
      common_(common_beginning(*source_)),
      pixels_(static_cast<std::size_t>(scheme_->num_classes())) {
  make_directory(directory_ / kLabels);
  if (overlays_) make_directory(directory_ / kOverlays);
}

std::filesystem::path SegmentationFiles::name_of(std::int64_t sample) {
  std::filesystem::path name;
  // Below the directory, whatever the names of images have in them.
  for (const std::filesystem::path& part :
       std::filesystem::path(source_->name(sample).substr(common_))) {
    if (part == "..") {
      name /= "_";
    } else if (part.is_relative() && part != "." && !part.empty()) {
      name /= part;
    }
  }
  std::filesystem::path plain = name;
  plain.replace_extension();
  if (taken_.insert(plain.string()).second) return plain += ".png";
  std::string other = name.string();
  while (!taken_.insert(other).second) other += "_";
  return other + ".png";
}

void SegmentationFiles::add(const SegmentedImage& found) {
  const std::filesystem::path name = name_of(found.sample);
  for (const std::int16_t k : found.predicted) ++pixels_[static_cast<std::size_t>(k)];
  write_bytes(directory_ / kLabels / name, label_png(*scheme_, found.size, found.predicted));
  if (overlays_) {
    const Picture image = picture_of_image(*source_, found.sample, decode_);
    write_bytes(directory_ / kOverlays / name,
                encode_png(overlay(image, found.predicted, colours_of(*scheme_))));
  }
  ++images_;
}

void SegmentationFiles::finish() {
  const std::vector<std::int64_t> found = classes();
  write_file_atomically(directory_ / "legend.csv", legend_csv(*scheme_, found));
  if (why_nothing_is_drawn().empty()) {
    write_png(directory_ / "legend.png", legend(*scheme_, found, missing_fonts_));
  }
}

std::vector<std::int64_t> SegmentationFiles::classes() const {
  std::vector<std::int64_t> classes;
  for (std::size_t k = 0; k < pixels_.size(); ++k) {
    if (pixels_[k] > 0) classes.push_back(static_cast<std::int64_t>(k));
  }
  return classes;
}

double SegmentationFiles::share_of(std::int64_t k) const {
  const std::int64_t all = std::accumulate(pixels_.begin(), pixels_.end(), std::int64_t{0});
  return static_cast<double>(pixels_.at(static_cast<std::size_t>(k))) / static_cast<double>(all);
}

}  // namespace convmae
