#pragma once

#include "convmae/model/dense/backbone.h"
#include "convmae/model/parameter_shapes.h"

namespace convmae {

/// The parameters of `Backbone(config)`, one by one in the order of its state dict, without making
/// it; see `for_each_parameter` of the other models.
void for_each_parameter(const BackboneConfig& config, const ParameterVisitor& visit);

}  // namespace convmae
