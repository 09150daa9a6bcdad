#include "convmae/export/position_graph.h"

#include <ATen/ATen.h>

#include <utility>

namespace convmae {

PositionGraph::PositionGraph(GraphMath& math, Size grid, GraphValue map, bool any_size)
    : math_(math), grid_(grid), map_(std::move(map)), any_size_(any_size) {}

const GraphValue& PositionGraph::sides() {
  if (sides_.name.empty()) sides_ = math_.lengths(map_, 2, 4);
  return sides_;
}

GraphValue PositionGraph::absolute(const std::string& name, std::int64_t leading) {
  if (!any_size_) return math_.parameter(name);
  const at::Tensor& table = math_.tensor(name);
  const at::Tensor map = table.narrow(1, leading, table.size(1) - leading)
                             .reshape({1, grid_.height, grid_.width, table.size(2)})
                             .permute({0, 3, 1, 2});
  const GraphValue resized =
      math_.resized(math_.weight(name + ".map", map), sides(), GraphMath::Interpolation::bicubic);
  GraphValue tokens = math_.permuted(math_.reshaped(resized, {0, 0, -1}), {0, 2, 1});
  if (leading == 0) return tokens;
  const GraphValue first = math_.weight(name + ".leading", table.narrow(1, 0, leading));
  return math_.concatenated({first, tokens}, 1);
}

const GraphValue& PositionGraph::rows() {
  if (!rows_.name.empty()) return rows_;
  const GraphValue zero = math_.integer(0);
  const GraphValue one = math_.integer(1);
  // What lies between two places along one side, counted from 0: [length, length].
  const auto distances = [&](const GraphValue& length) {
    const GraphValue places = math_.node("Range", {zero, length, one});
    const GraphValue across =
        math_.node("Sub", {math_.node("Unsqueeze", {places, math_.integers({1})}),
                           math_.node("Unsqueeze", {places, math_.integers({0})})});
    return math_.add(across, math_.node("Sub", {length, one}));
  };
  const GraphValue height = math_.selected(sides(), 0, 0);
  const GraphValue width = math_.selected(sides(), 0, 1);
  const GraphValue row_length = math_.node("Sub", {math_.multiply(width, math_.integer(2)), one});
  const GraphValue down = math_.multiply(distances(height), row_length);
  // Query row and column, key row and column.
  const GraphValue all =
      math_.add(math_.node("Unsqueeze", {down, math_.integers({1, 3})}),
                math_.node("Unsqueeze", {distances(width), math_.integers({0, 2})}));
  const GraphValue tokens =
      math_.node("Unsqueeze", {math_.multiply(height, width), math_.integers({0})});
  rows_ = math_.node("Reshape", {all, math_.concatenated({tokens, tokens}, 0)});
  return rows_;
}

GraphValue PositionGraph::relative(const std::string& name) {
  const at::Tensor by_head = math_.tensor(name).t();
  const auto gathered = [&](const GraphValue& table) {
    return math_.node("Gather", {table, rows()}, {{"axis", std::int64_t{1}}});
  };
  if (!any_size_) return gathered(math_.weight(name + ".transposed", by_head));
  const at::Tensor map =
      by_head.reshape({1, by_head.size(0), 2 * grid_.height - 1, 2 * grid_.width - 1});
  const GraphValue table_sides =
      math_.node("Sub", {math_.multiply(sides(), math_.integer(2)), math_.integer(1)});
  const GraphValue resized = math_.resized(math_.weight(name + ".map", map), table_sides,
                                           GraphMath::Interpolation::bilinear);
  return gathered(math_.reshaped(resized, {by_head.size(0), -1}));
}

GraphValue map_of(GraphMath& math, const GraphValue& tokens, const GraphValue& like) {
  return math.node("Reshape", {math.permuted(tokens, {0, 2, 1}), math.lengths(like, 0, 4)});
}

}  // namespace convmae
