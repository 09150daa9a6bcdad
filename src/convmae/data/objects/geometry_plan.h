#pragma once

#include "convmae/base/random.h"
#include "convmae/data/draw_key.h"
#include "convmae/data/image.h"

#include <cstdint>
#include <functional>
#include <variant>
#include <vector>

namespace convmae {

// What is done to an image and to all that it shows: steps with ranges (a recipe), and what random
// draws make of them for one image (a plan). The steps are detectron2's.

/// To the largest size within `target` times a factor drawn from [smallest, largest]: large-scale
/// jitter.
struct ResizeScale {
  Size target;
  double smallest = 0.1;
  double largest = 2.0;
};

/// The short side to one of `lengths`, drawn; the long side to at most `longest`.
struct ResizeShortestEdge {
  std::vector<std::int64_t> lengths;
  std::int64_t longest = 0;
};

/// A part of that size where the image is larger, at a drawn place: the same share of what is left
/// over in both directions. `pad`: to that size, on the right and below, where it is smaller.
struct FixedSizeCrop {
  Size size;
  bool pad = true;
};

/// Left becomes right, for half of the draws.
struct RandomMirror {};

using GeometryStep = std::variant<ResizeScale, ResizeShortestEdge, FixedSizeCrop, RandomMirror>;
using GeometryRecipe = std::vector<GeometryStep>;

/// Training of the first published detector (ConvMAE's repository): jitter, crop, grey on the right
/// and below, mirror of that.
GeometryRecipe jitter_padded(std::int64_t side);
/// Training of the second one (Official-ConvMAE-Det): mirror, jitter, crop; images stay smaller
/// than `side`.
GeometryRecipe jitter_unpadded(std::int64_t side);
/// Test of the first, with grey on the right and below.
GeometryRecipe test_padded(std::int64_t side);
/// Test of the second with `shortest` = `longest` = 1024; elsewhere 800 and 1333 are usual.
GeometryRecipe test_unpadded(std::int64_t shortest, std::int64_t longest);

/// The size that ResizeShortestEdge gives: what has one size on the image has
/// `image.width / size.width` times that in x, and so with heights in y, before it was resized.
Size shortest_edge_size(Size image, std::int64_t shortest, std::int64_t longest);

/// What a recipe draws from, in the order of its steps: ResizeScale once, ResizeShortestEdge once,
/// FixedSizeCrop once (also if nothing is cut), RandomMirror once.
struct GeometryDraws {
  /// Uniform in [low, high).
  std::function<double(double low, double high)> uniform;
  /// Uniform in {0, ..., count - 1}.
  std::function<std::size_t(std::size_t count)> choose;
};

/// Draws that are a function of the key and of what they are for.
GeometryDraws draws_of(const DrawKey& key, Purpose purpose = Purpose::crop);

// What steps became.
struct Resized {
  Size from;
  Size to;
};
/// `window` may reach beyond the image, whose end is then that of the part.
struct Cropped {
  Box window;
};
struct Padded {
  Size to;
};
struct Mirrored {
  std::int64_t width = 0;
};
using Move = std::variant<Resized, Cropped, Padded, Mirrored>;

struct GeometryPlan {
  Size input;
  std::vector<Move> moves;
  Size output;
};

/// Throws UserError for sizes below 1 and for a recipe without lengths to choose from.
void check_recipe(const GeometryRecipe& recipe);

/// What a checked recipe does with an image of that size.
GeometryPlan plan_geometry(const GeometryRecipe& recipe, Size image, const GeometryDraws& draws);

/// The part of an image of that size in a window that may reach beyond it.
Box part_within(const Box& window, Size image);

}  // namespace convmae
