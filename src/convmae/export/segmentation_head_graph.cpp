#include "convmae/export/segmentation_head_graph.h"

#include <ATen/ATen.h>

#include <cstddef>
#include <string>

namespace convmae {
namespace {

using HeadScope = dense::Scope<GraphMath>;

constexpr double kNormEps = 1e-5;

GraphValue normed(const HeadScope& s, const GraphValue& x) {
  return s.math().batch_norm(x, s.name(), kNormEps);
}

/// A convolution that keeps the map's size, batch norm, ReLU.
GraphValue convolution_unit(const HeadScope& s, const GraphValue& x) {
  const std::int64_t kernel = s.math().tensor(s.below("conv.weight").name()).size(2);
  const GraphValue convolved = s.below("conv").convolution(x, /*stride=*/1, /*padding=*/kernel / 2);
  return s.math().relu(normed(s.below("bn"), convolved));
}

GraphValue sides_of(GraphMath& math, const GraphValue& map) { return math.lengths(map, 2, 4); }

/// How much each of `length` places counts in each of so many bins, [bins, length]: bin i is the
/// mean of the places from floor(i * length / bins) to ceil((i + 1) * length / bins).
GraphValue bin_shares(GraphMath& math, std::int64_t bins, const GraphValue& length) {
  const at::Tensor numbers = at::arange(bins, at::kLong).unsqueeze(1);
  const std::string name = "bins." + std::to_string(bins);
  const auto times_length = [&](const char* which, std::int64_t first) {
    return math.multiply(math.weight(name + which, numbers + first), length);
  };
  const GraphValue count = math.integer(bins);
  const GraphValue begin = math.node("Div", {times_length(".begin", 0), count});
  const GraphValue end =
      math.node("Div", {math.add(times_length(".end", 1), math.integer(bins - 1)), count});
  const GraphValue places = math.node("Range", {math.integer(0), length, math.integer(1)});
  const GraphValue inside = math.node(
      "And", {math.node("GreaterOrEqual", {places, begin}), math.node("Less", {places, end})});
  return math.node("Div", {math.as_float(inside), math.as_float(math.node("Sub", {end, begin}))});
}

/// Means over bins: [B, C, H, W] -> [B, C, bins, bins].
GraphValue pooled_to(GraphMath& math, std::int64_t bins, const GraphValue& map) {
  const GraphValue sides = sides_of(math, map);
  const GraphValue rows = math.matmul(bin_shares(math, bins, math.selected(sides, 0, 0)), map);
  const GraphValue columns = bin_shares(math, bins, math.selected(sides, 0, 1));
  return math.matmul(rows, math.permuted(columns, {1, 0}));
}

GraphValue resized_as(GraphMath& math, const GraphValue& map, const GraphValue& other) {
  return math.resized(map, sides_of(math, other), GraphMath::Interpolation::bilinear);
}

/// The coarsest map, with what pooling tells of its surroundings.
GraphValue pyramid(const HeadScope& s, const std::vector<std::int64_t>& pool_scales,
                   const GraphValue& map) {
  GraphMath& math = s.math();
  std::vector<GraphValue> parts{map};
  for (std::size_t i = 0; i < pool_scales.size(); ++i) {
    const HeadScope own = s.below("psp_modules", static_cast<std::int64_t>(i)).below("1");
    const GraphValue bins = convolution_unit(own, pooled_to(math, pool_scales[i], map));
    parts.push_back(resized_as(math, bins, map));
  }
  return convolution_unit(s.below("bottleneck"), math.concatenated(parts, 1));
}

}  // namespace

GraphValue fourth_level(const HeadScope& s, const GraphValue& map) {
  return s.math().gelu(normed(s.below("1"), s.below("0").convolution(map, /*stride=*/2)));
}

GraphValue uper_head(const HeadScope& s, const std::vector<std::int64_t>& pool_scales,
                     const std::vector<GraphValue>& maps) {
  GraphMath& math = s.math();
  std::vector<GraphValue> levels(maps.size());
  levels.back() = pyramid(s, pool_scales, maps.back());
  const std::size_t finer = maps.size() - 1;
  for (std::size_t i = finer; i-- > 0;) {
    const GraphValue lateral =
        convolution_unit(s.below("lateral_convs", static_cast<std::int64_t>(i)), maps[i]);
    levels[i] = math.add(lateral, resized_as(math, levels[i + 1], lateral));
  }
  for (std::size_t i = 0; i < finer; ++i) {
    levels[i] = convolution_unit(s.below("fpn_convs", static_cast<std::int64_t>(i)), levels[i]);
  }
  for (std::size_t i = 1; i < levels.size(); ++i) {
    levels[i] = resized_as(math, levels[i], levels[0]);
  }
  const GraphValue all = math.concatenated(levels, 1);
  return s.below("conv_seg").convolution(convolution_unit(s.below("fpn_bottleneck"), all));
}

}  // namespace convmae
