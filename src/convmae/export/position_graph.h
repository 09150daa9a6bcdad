#pragma once

#include "convmae/base/geometry.h"
#include "convmae/export/graph_math.h"

#include <cstdint>
#include <string>

namespace convmae {

/// Tables of positions in a graph, for the grid of the images at hand. Where that is always the
/// grid that they are made for, they are weights as they stand.
class PositionGraph {
 public:
  /// `grid`: of the tables. `map` [B, D, h, w] has the grid at hand, which is another one only if
  /// `any_size`.
  PositionGraph(GraphMath& math, Size grid, GraphValue map, bool any_size);

  /// A table of absolute positions -> [1, leading + h * w, D], as `resize_positions`.
  GraphValue absolute(const std::string& name, std::int64_t leading);
  /// A table of relative positions -> what is added to scores, [heads, h * w, h * w].
  GraphValue relative(const std::string& name);

 private:
  /// The grid at hand, integers [2]: h and w.
  const GraphValue& sides();
  /// For every query and key, the row of a table of relative positions: integers [h * w, h * w].
  const GraphValue& rows();

  GraphMath& math_;
  Size grid_;
  GraphValue map_;
  bool any_size_;
  // Once somebody has asked.
  GraphValue sides_;
  GraphValue rows_;
};

/// A map [B, D, h, w] from its tokens [B, h * w, D], for a map `like` it.
GraphValue map_of(GraphMath& math, const GraphValue& tokens, const GraphValue& like);

}  // namespace convmae
