#include "convmae/data/objects/pixel_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace convmae {
namespace {

/// A mask pixel by pixel, as a plain formulation has it.
struct Dense {
  Size size;
  std::vector<std::uint8_t> pixels;

  std::uint8_t at(std::int64_t y, std::int64_t x) const {
    const bool inside = y >= 0 && x >= 0 && y < size.height && x < size.width;
    return inside ? pixels[static_cast<std::size_t>(y * size.width + x)] : std::uint8_t{0};
  }
  template <typename Source>
  Dense taken(Size to, Source source) const {
    Dense out{to, {}};
    for (std::int64_t y = 0; y < to.height; ++y) {
      for (std::int64_t x = 0; x < to.width; ++x) {
        const auto [from_y, from_x] = source(y, x);
        out.pixels.push_back(at(from_y, from_x));
      }
    }
    return out;
  }
};

using Place = std::pair<std::int64_t, std::int64_t>;

Dense moved(Dense mask, const GeometryPlan& plan) {
  for (const Move& move : plan.moves) {
    const Size size = mask.size;
    if (const auto* const resized = std::get_if<Resized>(&move)) {
      const Size to = resized->to;
      const auto nearest = [](std::int64_t i, std::int64_t in, std::int64_t out) {
        return static_cast<std::int64_t>((static_cast<double>(i) + 0.5) * static_cast<double>(in) /
                                         static_cast<double>(out));
      };
      mask = mask.taken(to, [&](std::int64_t y, std::int64_t x) {
        return Place(nearest(y, size.height, to.height), nearest(x, size.width, to.width));
      });
    } else if (const auto* const cropped = std::get_if<Cropped>(&move)) {
      const Box part = part_within(cropped->window, size);
      mask = mask.taken({part.height, part.width}, [&](std::int64_t y, std::int64_t x) {
        return Place(y + part.top, x + part.left);
      });
    } else if (const auto* const padded = std::get_if<Padded>(&move)) {
      mask = mask.taken(padded->to, [](std::int64_t y, std::int64_t x) { return Place(y, x); });
    } else {
      mask = mask.taken(
          size, [&](std::int64_t y, std::int64_t x) { return Place(y, size.width - 1 - x); });
    }
  }
  return mask;
}

/// Blobs: a few boxes, at times none.
Dense random_mask(Size size, CounterRandom& random) {
  Dense mask{size, std::vector<std::uint8_t>(static_cast<std::size_t>(size.height * size.width))};
  const auto boxes = static_cast<int>(random.below(4));
  for (int i = 0; i < boxes; ++i) {
    const auto top =
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size.height)));
    const auto left =
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size.width)));
    const auto bottom =
        std::min(top + 1 + static_cast<std::int64_t>(random.below(12)), size.height);
    const auto right = std::min(left + 1 + static_cast<std::int64_t>(random.below(12)), size.width);
    for (std::int64_t y = top; y < bottom; ++y) {
      for (std::int64_t x = left; x < right; ++x) {
        mask.pixels[static_cast<std::size_t>(y * size.width + x)] = 1;
      }
    }
  }
  return mask;
}

/// Powers of two, for which Pillow's running sum has no rounding errors.
Size random_size(CounterRandom& random) {
  return {std::int64_t{8} << random.below(4), std::int64_t{8} << random.below(4)};
}

GeometryPlan random_plan(Size size, CounterRandom& random) {
  GeometryPlan plan{size, {}, random_size(random)};
  const bool mirrored_first = random.below(2) == 0;
  if (mirrored_first) plan.moves.emplace_back(Mirrored{size.width});
  plan.moves.emplace_back(Resized{size, plan.output});
  const auto below = [&](std::int64_t length) {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(length)));
  };
  const Box window{below(plan.output.height), below(plan.output.width), 20, 20};
  const Box part = part_within(window, plan.output);
  plan.moves.emplace_back(Cropped{window});
  plan.output = {part.height, part.width};
  if (!mirrored_first) {
    plan.output = {20, 24};
    plan.moves.emplace_back(Padded{plan.output});
    plan.moves.emplace_back(Mirrored{plan.output.width});
  }
  return plan;
}

TEST(PixelMap, MovesMasksAsAPlainFormulationDoes) {
  int empty = 0;
  int whole = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CounterRandom random(seed, 0, 0, Purpose::augment);
    const Size size = random_size(random);
    const GeometryPlan plan = random_plan(size, random);
    const Dense mask = random_mask(size, random);
    const Dense expected = moved(mask, plan);
    const PixelMask actual = PixelMap(plan).move(coco::rle_from_pixels(size, mask.pixels));
    EXPECT_EQ(draw_mask(actual, expected.size), expected.pixels) << seed;
    const auto tight = coco::rle_box(coco::rle_from_pixels(expected.size, expected.pixels));
    EXPECT_EQ(static_cast<double>(actual.part.top), tight[1]);
    EXPECT_EQ(static_cast<double>(actual.part.left), tight[0]);
    EXPECT_EQ(static_cast<double>(actual.part.height), tight[3]);
    EXPECT_EQ(static_cast<double>(actual.part.width), tight[2]);
    ++(actual.pixels.empty() ? empty : whole);
  }
  EXPECT_GT(empty, 30);
  EXPECT_GT(whole, 100);
}

TEST(PixelMap, SizesChangeByPillowsRunningSum) {
  // The middle one of seven lies on the border between both pixels: half of it to the right, but
  // sevenths do not add up to that in double precision.
  const Size size{1, 2};
  const GeometryPlan plan{size, {Resized{size, {1, 7}}}, {1, 7}};
  EXPECT_EQ(PixelMap(plan).move({size, {0, 1, 1}}), (PixelMask{{0, 0, 1, 4}, {1, 1, 1, 1}}));
  EXPECT_EQ(PixelMap(plan).move({size, {1, 1}}), (PixelMask{{0, 4, 1, 3}, {1, 1, 1}}));
}

}  // namespace
}  // namespace convmae
