#include "convmae/data/objects/geometry_plan.h"

#include "convmae/base/error.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

namespace convmae {
namespace {

/// Half-way cases to the even number; a side does not vanish.
std::int64_t rounded_side(double length) {
  return std::max<std::int64_t>(static_cast<std::int64_t>(std::nearbyint(length)), 1);
}

/// Adds what a step becomes to a plan.
class Planner {
 public:
  Planner(Size image, const GeometryDraws& draws) : plan_{image, {}, image}, draws_(draws) {}

  void operator()(const ResizeScale& step) {
    const double scale = draws_.uniform(step.smallest, step.largest);
    const auto height = static_cast<double>(size().height);
    const auto width = static_cast<double>(size().width);
    const double factor = std::min(static_cast<double>(step.target.height) * scale / height,
                                   static_cast<double>(step.target.width) * scale / width);
    resize({rounded_side(height * factor), rounded_side(width * factor)});
  }

  void operator()(const ResizeShortestEdge& step) {
    const std::size_t chosen = draws_.choose(step.lengths.size());
    resize(shortest_edge_size(size(), step.lengths[chosen], step.longest));
  }

  void operator()(const FixedSizeCrop& step) {
    const double share = draws_.uniform(0, 1);
    const auto offset = [share](std::int64_t length, std::int64_t wanted) {
      const auto rest = static_cast<double>(std::max<std::int64_t>(length - wanted, 0));
      return static_cast<std::int64_t>(std::nearbyint(rest * share));
    };
    const Box window{offset(size().height, step.size.height), offset(size().width, step.size.width),
                     step.size.height, step.size.width};
    const Box part = part_within(window, size());
    add(Cropped{window}, {part.height, part.width});
    if (step.pad) add(Padded{step.size}, step.size);
  }

  void operator()(const RandomMirror& /*step*/) {
    constexpr double kHalf = 0.5;
    if (draws_.uniform(0, 1) < kHalf) add(Mirrored{size().width}, size());
  }

  GeometryPlan take() { return std::move(plan_); }

 private:
  Size size() const { return plan_.output; }
  void add(Move move, Size output) {
    plan_.moves.push_back(move);
    plan_.output = output;
  }
  void resize(Size to) { add(Resized{size(), to}, to); }

  GeometryPlan plan_;
  const GeometryDraws& draws_;
};

void require(bool sound, const std::string& what) {
  if (!sound) throw UserError("expected " + what + ": choose others");
}

void check_step(const ResizeScale& step) {
  require(step.target.height > 0 && step.target.width > 0, "sizes of images above 0");
  require(step.smallest > 0 && step.smallest <= step.largest && std::isfinite(step.largest),
          "scales 0 < smallest <= largest of the jitter");
}

void check_step(const ResizeShortestEdge& step) {
  require(!step.lengths.empty() && step.longest > 0 &&
              std::ranges::all_of(step.lengths, [](auto length) { return length > 0; }),
          "at least one length of the short side, and all lengths above 0");
}

void check_step(const FixedSizeCrop& step) {
  require(step.size.height > 0 && step.size.width > 0, "sizes of crops above 0");
}

void check_step(const RandomMirror& /*step*/) {}

}  // namespace

GeometryRecipe jitter_padded(std::int64_t side) {
  const Size square{side, side};
  return {ResizeScale{square}, FixedSizeCrop{square, true}, RandomMirror{}};
}

GeometryRecipe jitter_unpadded(std::int64_t side) {
  const Size square{side, side};
  return {RandomMirror{}, ResizeScale{square}, FixedSizeCrop{square, false}};
}

GeometryRecipe test_padded(std::int64_t side) {
  return {ResizeShortestEdge{{side}, side}, FixedSizeCrop{{side, side}, true}};
}

GeometryRecipe test_unpadded(std::int64_t shortest, std::int64_t longest) {
  return {ResizeShortestEdge{{shortest}, longest}};
}

Size shortest_edge_size(Size image, std::int64_t shortest, std::int64_t longest) {
  // The order of operations is part of the result.
  const auto height = static_cast<double>(image.height);
  const auto width = static_cast<double>(image.width);
  const auto length = static_cast<double>(shortest);
  const double scale = length / std::min(height, width);
  double new_height = image.height < image.width ? length : scale * height;
  double new_width = image.height < image.width ? scale * width : length;
  const double longer = std::max(new_height, new_width);
  if (longer > static_cast<double>(longest)) {
    const double shrink = static_cast<double>(longest) / longer;
    new_height *= shrink;
    new_width *= shrink;
  }
  const auto side = [](double value) {
    return std::max<std::int64_t>(static_cast<std::int64_t>(std::floor(value + 0.5)), 1);
  };
  return {side(new_height), side(new_width)};
}

GeometryDraws draws_of(const DrawKey& key, Purpose purpose) {
  const auto random = std::make_shared<CounterRandom>(key.seed, key.epoch, key.index, purpose);
  return {[random](double low, double high) { return random->uniform(low, high); },
          [random](std::size_t count) { return static_cast<std::size_t>(random->below(count)); }};
}

void check_recipe(const GeometryRecipe& recipe) {
  for (const GeometryStep& step : recipe) {
    std::visit([](const auto& any) { check_step(any); }, step);
  }
}

GeometryPlan plan_geometry(const GeometryRecipe& recipe, Size image, const GeometryDraws& draws) {
  Planner planner(image, draws);
  for (const GeometryStep& step : recipe) std::visit(planner, step);
  return planner.take();
}

Box part_within(const Box& window, Size image) {
  return {window.top, window.left, std::min(window.height, image.height - window.top),
          std::min(window.width, image.width - window.left)};
}

}  // namespace convmae
