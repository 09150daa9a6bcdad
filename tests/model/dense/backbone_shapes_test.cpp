#include "convmae/model/dense/backbone_shapes.h"

#include <gtest/gtest.h>

#include "support/small_models.h"
#include <string>
#include <vector>

namespace convmae {
namespace {

std::string shape_line(const std::string& name, at::IntArrayRef shape, bool fixed) {
  std::string line = name + (fixed ? " fixed" : "");
  for (const std::int64_t side : shape) line += " " + std::to_string(side);
  return line;
}

TEST(BackboneShapes, AreTheModels) {
  for (const RelativePosition position :
       {RelativePosition::none, RelativePosition::per_block, RelativePosition::shared,
        RelativePosition::global_and_windowed, RelativePosition::decomposed}) {
    BackboneConfig config;
    config.encoder = small_config().encoder;
    config.relative_position = position;
    config.windowed_blocks = {1};
    config.window = {.side = 2, .padded = true};
    if (position == RelativePosition::shared) config.layer_scale = 1;
    config.train_positions = position != RelativePosition::global_and_windowed;
    if (position == RelativePosition::decomposed) config.position_grid = Size{2, 5};
    std::vector<std::string> listed;
    for_each_parameter(config, [&](const ParameterShape& p) {
      listed.push_back(shape_line(p.name, p.shape, p.fixed));
    });
    std::vector<std::string> held;
    const Backbone backbone(config);
    for (const auto& p : backbone.named_parameters()) {
      held.push_back(shape_line(p.key(), p.value().sizes(), !p.value().requires_grad()));
    }
    EXPECT_EQ(listed, held);
  }
}

}  // namespace
}  // namespace convmae
