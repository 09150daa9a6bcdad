#pragma once

#include "convmae/base/geometry.h"
#include "convmae/data/decode/decode.h"
#include "convmae/data/labels/label_scheme.h"
#include "convmae/data/sources/source.h"
#include "convmae/report/missing_fonts.h"
#include "convmae/report/picture.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace convmae {

/// The colour of each class: as the palette of the labels has it, others far apart in hue.
std::vector<Colour> colours_of(const LabelScheme& scheme);

/// An image of a source upright, as a person sees it: its first three channels, or grey. Throws
/// UserError if it cannot be used.
Picture picture_of_image(const ImageSource& source, std::int64_t index,
                         const DecodeOptions& decode);

/// `image` with the class of each pixel laid over it, [height, width]; what is of no class stays as
/// it is.
Picture overlay(const Picture& image, std::span<const std::int16_t> classes,
                const std::vector<Colour>& colours);

/// Classes alone; what is of none is black.
Picture class_picture(Size size, std::span<const std::int16_t> classes,
                      const std::vector<Colour>& colours);

/// Every how many-th pixel is shown of what is to be at most `longest` pixels a side.
std::int64_t thinning_step(Size size, std::int64_t longest);
Size thinned_size(Size size, std::int64_t step);
/// Every so many-th pixel in both directions of classes, [height, width], and of a picture, whose
/// step is the one that `longest` asks for.
std::vector<std::int16_t> thinned(std::span<const std::int16_t> classes, Size size,
                                  std::int64_t step);
Picture thinned(const Picture& picture, std::int64_t longest);

/// Pictures from left to right, and rows of them from top to bottom, with a white gap between.
Picture side_by_side(const std::vector<Picture>& pictures);
Picture one_below_another(const std::vector<Picture>& pictures);

/// A field of colour and a name for each of those classes. Throws UserError in a build that does
/// not draw (canvas.h).
Picture legend(const LabelScheme& scheme, const std::vector<std::int64_t>& classes,
               MissingFonts& missing);

/// A table of the same: id, name and colour.
std::string legend_csv(const LabelScheme& scheme, const std::vector<std::int64_t>& classes);

/// The bytes of a PNG file with the id of each pixel's class: indices of a palette with the colours
/// of the classes, or 16 bits where a class has an id above 255.
std::vector<std::uint8_t> label_png(const LabelScheme& scheme, Size size,
                                    std::span<const std::int16_t> classes);

}  // namespace convmae
