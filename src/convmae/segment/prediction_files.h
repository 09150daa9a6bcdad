#pragma once

#include "convmae/data/decode/decode.h"
#include "convmae/data/labels/label_scheme.h"
#include "convmae/data/sources/source.h"
#include "convmae/report/missing_fonts.h"
#include "convmae/segment/segmentor_inference.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace convmae {

/// What is found in images, as files: `labels/NAME.png` with the id of each pixel, the image with
/// its classes laid over it as `overlays/NAME.png`, and `legend.csv` and, where the build draws,
/// `legend.png` of the classes that were found.
class SegmentationFiles {
 public:
  /// Throws UserError if there is something in the directory, or if it cannot be written to.
  static void require(const std::filesystem::path& directory);

  /// Of images of `source`, whose names, without the folders that all share, files get. Throws
  /// UserError if the directories cannot be made.
  SegmentationFiles(std::filesystem::path directory, std::shared_ptr<const ImageSource> source,
                    std::shared_ptr<const LabelScheme> scheme, DecodeOptions decode, bool overlays);

  /// Writes the files of an image. Throws UserError if they cannot be written.
  void add(const SegmentedImage& found);
  /// Writes the legend.
  void finish();

  const std::filesystem::path& directory() const { return directory_; }
  std::int64_t images() const { return images_; }
  /// Those that were found, in their order.
  std::vector<std::int64_t> classes() const;
  /// A class's share of all pixels.
  double share_of(std::int64_t k) const;
  MissingFonts& missing_fonts() { return missing_fonts_; }

 private:
  /// What an image's files are called, without repetition.
  std::filesystem::path name_of(std::int64_t sample);

  std::filesystem::path directory_;
  std::shared_ptr<const ImageSource> source_;
  std::shared_ptr<const LabelScheme> scheme_;
  DecodeOptions decode_;
  bool overlays_;
  std::size_t common_ = 0;  ///< characters that all names begin with, up to a slash
  std::set<std::string> taken_;
  std::vector<std::int64_t> pixels_;  ///< by class
  std::int64_t images_ = 0;
  MissingFonts missing_fonts_;
};

}  // namespace convmae
