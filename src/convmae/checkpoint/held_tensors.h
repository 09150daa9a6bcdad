#pragma once

#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/io/weights.h"
#include "convmae/model/parameter_shapes.h"

#include <cstdint>
#include <string>

namespace convmae {

/// Compares what a model needs with what a file holds, before the model is made: what a file says
/// of its model, or the shapes in it do, is a claim that a few bytes can make. A visitor for
/// `for_each_parameter` and its like.
class HeldTensors {
 public:
  /// Which of the tensors the file may lack, or have in another shape.
  enum class Lacking {
    none,
    tables,  ///< of positions, which can be made, as far as they are of a reasonable size
  };

  /// `prefix` stands before the names in the file.
  HeldTensors(const WeightFile& file, std::string prefix, Lacking lacking);

  /// Throws UserError unless the file has this tensor, of this shape.
  void operator()(const ParameterShape& needed);

  /// Whether a table was asked for that the file lacks.
  bool makes_tables() const { return made_ > 0; }

 private:
  const WeightFile& file_;
  std::string prefix_;
  Lacking lacking_;
  std::int64_t made_ = 0;
};

/// Throws UserError unless a file of ours holds every tensor of the model that `info` describes:
/// a pretraining model, or a classifier.
void expect_model(const WeightFile& file, const CheckpointInfo& info);

}  // namespace convmae
