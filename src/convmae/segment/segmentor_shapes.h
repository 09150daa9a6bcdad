#pragma once

#include "convmae/model/parameter_shapes.h"
#include "convmae/segment/segmentor_config.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace convmae {

/// A tensor in the state dict of a published segmentor.
struct SegmentorTensor {
  enum class Kind {
    parameter,
    statistic,  ///< of batch norm
    count,      ///< of the batches that its statistics are of
    index,      ///< which row of a table of relative positions a pair of places has; follows from
                ///< the grid, so that this program has none
  };

  std::string name;
  std::vector<std::int64_t> shape;
  Kind kind = Kind::parameter;
};

/// All of them, in the published order. The configuration must be valid. Throws UserError if the
/// numbers of one could not be counted.
void for_each_tensor(const SegmentorConfig& config,
                     const std::function<void(const SegmentorTensor&)>& visit);

/// The parameters of `Segmentor(config)`, and behind them its statistics: what a file must hold.
void for_each_parameter(const SegmentorConfig& config, const ParameterVisitor& visit);

}  // namespace convmae
