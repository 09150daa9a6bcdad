#include "convmae/segment/segmentor_groups.h"

#include <algorithm>
#include <array>
#include <string>

namespace convmae {

std::int64_t layer_of_segmentor_parameter(std::string_view name, std::int64_t num_layers) {
  constexpr std::string_view kBackbone = "backbone.";
  constexpr std::array<std::string_view, 3> kEncoder{"pos_embed", "patch_embed", "blocks"};
  if (name.starts_with(kBackbone)) {
    const std::string_view part = name.substr(kBackbone.size());
    const bool of_encoder = std::ranges::any_of(
        kEncoder, [part](std::string_view prefix) { return part.starts_with(prefix); });
    if (of_encoder) return layer_of_parameter(part, num_layers);
  }
  return num_layers + 1;
}

std::vector<ParamGroup> segmentor_groups(const Segmentor& segmentor, double weight_decay,
                                         double layer_decay) {
  const std::int64_t num_layers = segmentor.config().encoder.depth.back();
  return layer_decay_groups(
      segmentor, weight_decay, layer_decay, num_layers,
      {.layer =
           [num_layers](const std::string& name) {
             return layer_of_segmentor_parameter(name, num_layers);
           },
       .decays = [](const std::string&,
                    const at::Tensor& parameter) { return parameter.dim() > 1; }});
}

}  // namespace convmae
