#pragma once

#include "convmae/model/classifier.h"
#include "convmae/model/config.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace convmae {

/// A parameter under its published name.
struct ParameterShape {
  std::string name;
  std::vector<std::int64_t> shape;
  bool fixed = false;  ///< a position table that is not trained
};

using ParameterVisitor = std::function<void(const ParameterShape&)>;

// What a model is made of, told without making it: a description of some bytes may ask for more
// than any machine has. Parameters come one by one, so that whoever compares them with a file can
// throw at the first that is not there. The configurations must be valid (`validate`). Throws
// UserError if a parameter's numbers could not be counted.

/// The parameters of `make_pretrain_model(config)`, in the order of its state dict.
void for_each_parameter(const ModelConfig& config, const ParameterVisitor& visit);

/// Those of `Encoder(config, EncoderTail::none)`, in the same way; of MAE, the same of its encoder.
void for_each_parameter(const EncoderConfig& config, const ParameterVisitor& visit);

/// Those of `Classifier(config)`, and behind them the statistics of a probe.
void for_each_parameter(const ClassifierConfig& config, const ParameterVisitor& visit);

}  // namespace convmae
