#pragma once

#include "convmae/report/picture.h"
#include "convmae/report/report.h"
#include "convmae/segment/segmentor_inference.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace convmae {

/// Keeps of an evaluation what is worth a look: some images at even distances, and the worst. Label
/// maps are kept as small as they are shown.
class SegmentationGallery {
 public:
  /// Of the images of `data`: about `even` and at most `worst`.
  SegmentationGallery(LabelledPairs data, std::int64_t even, std::int64_t worst);

  /// With labels. Those of an image that has no labelled pixel are not shown.
  void add(const SegmentedImage& found);

  /// With all images of this process's share added: gives process 0 what all of them have kept, as
  /// if it had seen all images.
  void gather(const ImageReading& reading);

  /// The image, its labels and what was found, from left to right, one image below another. An
  /// empty picture if there is nothing.
  Picture even_picture(const DecodeOptions& decode) const;
  /// The same of the worst images, the worst last: a sequence begins there.
  std::vector<Figure> worst_figures(const DecodeOptions& decode) const;
  /// Of the others, a figure each.
  std::vector<Figure> even_figures(const DecodeOptions& decode) const;

 private:
  struct Shown {
    std::int64_t sample = 0;
    Size size;  ///< of the maps
    std::vector<std::int16_t> predicted;
    std::vector<std::int16_t> labels;
    double iou = 0;  ///< mean over the classes that the image has
  };

  void keep_worst(Shown shown);
  Shown shown_of(const SegmentedImage& found, double iou) const;
  Picture picture_of(const Shown& shown, const DecodeOptions& decode) const;
  std::vector<Figure> figures_of(const std::vector<Shown>& images,
                                 const DecodeOptions& decode) const;

  LabelledPairs data_;
  std::vector<Colour> colours_;
  std::int64_t even_;
  std::int64_t most_worst_;
  std::vector<Shown> shown_;
  std::vector<Shown> worst_;  ///< the worst last
};

/// The mean of the intersections over unions of the classes that an image has by its labels; 1
/// without any.
double mean_iou_of(const SegmentedImage& found, std::int64_t classes);

}  // namespace convmae
