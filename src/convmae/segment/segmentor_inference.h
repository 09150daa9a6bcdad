#pragma once

#include "convmae/checkpoint/preprocessing.h"
#include "convmae/data/labels/labelled_sample.h"
#include "convmae/metrics/segmentation_metrics.h"
#include "convmae/model/compute.h"
#include "convmae/segment/segmentor.h"
#include "convmae/segment/sliding_window.h"
#include "convmae/train/batches.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace convmae {

/// How images become a segmentor's input, and how it looks at them.
struct SegmentorInput {
  Preprocessing preprocessing;
  /// What images are resized to; nothing leaves the size.
  std::optional<Bounds> bounds{};
  Viewing viewing{};
  Compute compute{};
};

/// An image and what a segmentor makes of it, [height, width] in pixels of the upright image.
struct SegmentedImage {
  std::int64_t sample = 0;  ///< its number in the source
  Size size;                ///< upright
  std::span<const std::int16_t> predicted;
  /// What pixels are; empty where nobody says.
  std::span<const std::int16_t> labels;
};

using SegmentedImageSink = std::function<void(const SegmentedImage&)>;

/// Images with labels, and what these mean.
struct LabelledPairs {
  std::shared_ptr<const LabelPairs> pairs;
  std::shared_ptr<const LabelScheme> scheme;
};

/// Tells the class of every pixel of every image of a source, or of this process's share, and hands
/// over image by image, in the source's order; what is in memory does not depend on their number,
/// and what is handed over lives until the next one. `segmentor` is placed (model/compute.h), may
/// be in training mode, and is in that mode again afterwards. Images that cannot be used are left
/// out or end it, as `reading` says; its `decode` has its number of channels from the
/// preprocessing. Throws UserError as BatchQueue does.
void segment_images(Segmentor& segmentor, const SegmentorInput& input,
                    const std::shared_ptr<const ImageSource>& source, const ImageReading& reading,
                    const SegmentedImageSink& sink);
/// The same with labels; an image whose labels cannot be used cannot be used either.
void segment_labelled(Segmentor& segmentor, const SegmentorInput& input, const LabelledPairs& data,
                      const ImageReading& reading, const SegmentedImageSink& sink);

/// How well the segmentor tells the pixels of all images, also where processes share them. `sink`
/// hears of each of its own too.
SegmentationMetrics evaluate_segmentor(Segmentor& segmentor, const SegmentorInput& input,
                                       const LabelledPairs& data, const ImageReading& reading,
                                       const SegmentedImageSink& sink = {});

}  // namespace convmae
