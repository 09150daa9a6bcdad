#include "convmae/detect/detector_groups.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace convmae {
namespace {

/// The name of an encoder's parameter within the encoder.
std::optional<std::string_view> within_encoder(std::string_view name) {
  for (const std::string_view prefix : {"backbone.bottom_up.", "backbone.net."}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  }
  return std::nullopt;
}

bool is_norm(std::string_view name) {
  constexpr std::array<std::string_view, 3> kNorms{".norm.", ".norm1.", ".norm2."};
  return std::ranges::any_of(
      kNorms, [name](std::string_view part) { return name.find(part) != std::string_view::npos; });
}

}  // namespace

bool decays(std::string_view parameter, bool batch_norm) {
  if (parameter.ends_with("pos_embed") || parameter.ends_with("relative_position_bias_table")) {
    return false;
  }
  return !is_norm(parameter) || (!within_encoder(parameter) && !batch_norm);
}

std::int64_t layer_of_detector_parameter(std::string_view name, std::int64_t num_layers) {
  const std::optional<std::string_view> part = within_encoder(name);
  if (!part || *part == "pos_embed" || part->find("rel_pos_bias.") != std::string_view::npos) {
    return num_layers + 1;
  }
  return layer_of_parameter(*part, num_layers);
}

std::vector<ParamGroup> detector_groups(const torch::nn::Module& detector, double weight_decay,
                                        double layer_decay, std::int64_t num_layers) {
  const bool batch_norm = !detector.named_buffers().is_empty();
  return layer_decay_groups(
      detector, weight_decay, layer_decay, num_layers,
      {.layer =
           [num_layers](const std::string& name) {
             return layer_of_detector_parameter(name, num_layers);
           },
       .decays = [batch_norm](const std::string& name,
                              const at::Tensor&) { return convmae::decays(name, batch_norm); }});
}

}  // namespace convmae
