#include "convmae/data/labels/crop_plan.h"

#include "convmae/base/error.h"
#include "convmae/data/resize/linear_resize.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

namespace convmae {
namespace {

void require(bool sound, const std::string& what) {
  if (!sound) throw UserError("expected " + what + ": choose others");
}

/// The classes of an image's pixels as its resized version has them.
class ResizedLabels {
 public:
  ResizedLabels(const LabelMap& labels, Size from, Size to)
      : labels_(labels),
        width_(from.width),
        rows_(nearest_indices(from.height, to.height)),
        columns_(nearest_indices(from.width, to.width)) {}

  template <typename Visit>
  void for_each(const Box& window, const Visit& visit) const {
    const auto columns = std::span(columns_).subspan(static_cast<std::size_t>(window.left),
                                                     static_cast<std::size_t>(window.width));
    for (std::int64_t y = window.top; y < window.top + window.height; ++y) {
      const std::int16_t* const row =
          labels_.classes.data() + rows_[static_cast<std::size_t>(y)] * width_;
      for (const std::int64_t x : columns) visit(row[x]);
    }
  }

 private:
  const LabelMap& labels_;
  std::int64_t width_;
  std::vector<std::int64_t> rows_;
  std::vector<std::int64_t> columns_;
};

/// Whether a window has more than one class, and none of them too large a share.
bool is_mixed(const ResizedLabels& labels, const Box& window, double most) {
  std::vector<std::int64_t> pixels;
  labels.for_each(window, [&](std::int16_t k) {
    if (k == LabelMap::kIgnored) return;
    const auto place = static_cast<std::size_t>(k);
    if (place >= pixels.size()) pixels.resize(place + 1);
    ++pixels[place];
  });
  std::int64_t classes = 0;
  std::int64_t largest = 0;
  std::int64_t sum = 0;
  for (const std::int64_t own : pixels) {
    classes += own > 0 ? 1 : 0;
    largest = std::max(largest, own);
    sum += own;
  }
  return classes > 1 && static_cast<double>(largest) / static_cast<double>(sum) < most;
}

Box drawn_window(Size image, Size crop, const GeometryDraws& draws) {
  const auto offset = [&draws](std::int64_t length, std::int64_t wanted) {
    const std::int64_t margin = std::max<std::int64_t>(length - wanted, 0);
    return static_cast<std::int64_t>(draws.choose(static_cast<std::size_t>(margin + 1)));
  };
  const std::int64_t top = offset(image.height, crop.height);
  const std::int64_t left = offset(image.width, crop.width);
  return part_within({top, left, crop.height, crop.width}, image);
}

}  // namespace

void check_recipe(const CropRecipe& recipe) {
  require(recipe.bounds.longest > 0 && recipe.bounds.shortest > 0, "bounds of images above 0");
  require(recipe.crop.height > 0 && recipe.crop.width > 0, "sizes of crops above 0");
  require(recipe.smallest > 0 && recipe.smallest <= recipe.largest && std::isfinite(recipe.largest),
          "factors 0 < smallest <= largest of the size");
  require(recipe.most_of_one_class > 0 && recipe.most_of_one_class <= 1,
          "a share of one class above 0 and at most 1");
}

Size size_within(const Bounds& bounds, Size image) {
  const auto [longest, shortest] = std::minmax(bounds.longest, bounds.shortest, std::greater<>());
  const auto height = static_cast<double>(image.height);
  const auto width = static_cast<double>(image.width);
  const double factor = std::min(static_cast<double>(longest) / std::max(height, width),
                                 static_cast<double>(shortest) / std::min(height, width));
  const auto side = [factor](double length) {
    return std::max<std::int64_t>(static_cast<std::int64_t>(std::floor(length * factor + 0.5)), 1);
  };
  return {side(height), side(width)};
}

CropPlan plan_crop(const CropRecipe& recipe, const LabelMap& labels, Size image,
                   const GeometryDraws& draws) {
  constexpr int kMoreTries = 10;
  constexpr double kHalf = 0.5;
  const double factor = draws.uniform(0, 1) * (recipe.largest - recipe.smallest) + recipe.smallest;
  const auto bound = [factor](std::int64_t length) {
    return static_cast<std::int64_t>(static_cast<double>(length) * factor);
  };
  CropPlan plan;
  plan.input = image;
  plan.resized = size_within({bound(recipe.bounds.longest), bound(recipe.bounds.shortest)}, image);
  plan.window = drawn_window(plan.resized, recipe.crop, draws);
  if (recipe.most_of_one_class < 1) {
    const ResizedLabels resized(labels, image, plan.resized);
    for (int i = 0; i < kMoreTries && !is_mixed(resized, plan.window, recipe.most_of_one_class);
         ++i) {
      plan.window = drawn_window(plan.resized, recipe.crop, draws);
    }
  }
  if (recipe.mirror) plan.mirrored = draws.uniform(0, 1) < kHalf;
  return plan;
}

LabelMap cropped_labels(const LabelMap& labels, const CropPlan& plan) {
  LabelMap out;
  out.classes.reserve(static_cast<std::size_t>(plan.window.height * plan.window.width));
  ResizedLabels(labels, plan.input, plan.resized).for_each(plan.window, [&](std::int16_t k) {
    out.classes.push_back(k);
  });
  if (plan.mirrored) {
    for (auto row = out.classes.begin(); row != out.classes.end(); row += plan.window.width) {
      std::reverse(row, row + plan.window.width);
    }
  }
  return out;
}

}  // namespace convmae
