#pragma once

#include "convmae/coco/results.h"
#include "convmae/data/decode/decode.h"
#include "convmae/data/sources/source.h"
#include "convmae/detect/detector_inference.h"
#include "convmae/report/canvas.h"
#include "convmae/report/picture.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace convmae {

/// An object as it is drawn on its image.
struct DrawnObject {
  coco::XywhBox box{};
  std::vector<ClosedLine> mask;  ///< may be empty
  std::int64_t colour = 0;       ///< any number: the same colour for the same one
  std::string label;
};

/// What a detector found, with names of its classes and scores.
std::vector<DrawnObject> drawn_objects(std::span<const FoundObject> objects,
                                       const std::vector<std::string>& names);
/// What an image of a dataset shows; colours are the indices of the categories. Throws UserError
/// for masks that are none.
std::vector<DrawnObject> drawn_annotations(const coco::Dataset& dataset, std::int64_t image);
/// A detection of a results file, in the same way.
DrawnObject drawn_detection(const coco::Detection& detection, const coco::Results& results,
                            const coco::Dataset& dataset);

/// An image as a picture that is large enough to read on, and not too large to look at.
struct ShownImage {
  Picture picture;
  double scale = 1;  ///< its pixels for one of the image
};

/// An image of a source, upright, with its longer side within [least, most] pixels. Throws
/// UserError if it cannot be read.
ShownImage shown_image(const ImageSource& source, std::int64_t index, DecodeOptions decode,
                       std::int64_t least, std::int64_t most);

/// Translucent masks, boxes and labels, the first object on top. Throws UserError in a build that
/// does not draw (canvas.h).
Picture draw_objects(ShownImage shown, std::span<const DrawnObject> objects, MissingFonts& missing);

/// The two beside each other, with a line of text below.
Picture beside_truth(const Picture& truth, const Picture& found, const std::string& caption,
                     MissingFonts& missing);

}  // namespace convmae
