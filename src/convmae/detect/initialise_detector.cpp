#include "convmae/detect/initialise_detector.h"

#include "convmae/model/encoder/layers.h"
#include "convmae/model/encoder/position_embedding.h"
#include "convmae/model/initialise.h"

#include <ATen/ATen.h>

#include <cmath>
#include <optional>
#include <string>
#include <string_view>

namespace convmae {
namespace {

/// Of one output: all dimensions but the first.
double fan_in(const at::Tensor& weight) {
  const std::int64_t count = weight.numel() / weight.size(0);
  return static_cast<double>(count);
}

/// Of a convolution, and of an upsampling as PyTorch counts: the first dimension and the kernel.
double fan_out(const at::Tensor& weight) {
  const std::int64_t count = weight.numel() / weight.size(1);
  return static_cast<double>(count);
}

/// The deviation of a head's last layers, which are normal.
std::optional<double> deviation_of(std::string_view name) {
  if (name.starts_with("proposal_generator.")) return 0.01;
  if (name.starts_with("roi_heads.box_predictor.cls_score.")) return 0.01;
  if (name.starts_with("roi_heads.box_predictor.bbox_pred.")) return 0.001;
  if (name.starts_with("roi_heads.mask_head.predictor.")) return 0.001;
  return std::nullopt;
}

bool is_relative_position(std::string_view name) {
  return name.ends_with("relative_position_bias_table") || name.ends_with(".rel_pos_h") ||
         name.ends_with(".rel_pos_w");
}

class DetectorInitialiser {
 public:
  DetectorInitialiser(const DetectorConfig& config, std::uint64_t seed)
      : config_(config), seed_(seed) {}

  void set(const std::string& name, const at::Tensor& parameter) const {
    const bool is_weight = name.ends_with(".weight") && parameter.dim() >= 2;
    if (name.starts_with("backbone.net.") || name.starts_with("backbone.simfp_")) {
      // All else is as `initialise_parameters` has left it.
      if (is_relative_position(name)) parameter.zero_();
    } else if (name == "backbone.bottom_up.pos_embed") {
      truncated(name, parameter);
    } else if (!is_weight) {
      parameter.fill_(is_norm_weight(name, parameter) ? 1 : 0);
    } else if (name.starts_with("backbone.bottom_up.")) {
      encoder_weight(name, parameter);
    } else if (const auto deviation = deviation_of(name)) {
      initialise_normal(parameter, seed_, name, *deviation);
    } else if (name.starts_with("backbone.") || parameter.dim() == 2) {
      xavier(name, parameter);
    } else {
      initialise_normal(parameter, seed_, name, std::sqrt(2 / fan_out(parameter)));
    }
    if (name.ends_with(".pos_embed") && !config_.train_positions) sines(parameter);
  }

 private:
  static bool is_norm_weight(const std::string& name, const at::Tensor& parameter) {
    return name.ends_with(".weight") && parameter.dim() == 1;
  }

  void truncated(const std::string& name, const at::Tensor& parameter) const {
    constexpr double kDeviation = 0.02;
    initialise_truncated_normal(parameter, seed_, name, kDeviation, /*most=*/kDeviation);
  }

  void encoder_weight(const std::string& name, const at::Tensor& weight) const {
    if (weight.dim() == 2) return truncated(name, weight);
    // A normal distribution that is cut at two deviations has this one; the published code divides
    // by it, and cuts far away.
    constexpr double kOfTruncated = 0.87962566103423978;
    initialise_normal(weight, seed_, name, std::sqrt(1 / fan_in(weight)) / kOfTruncated);
  }

  void xavier(const std::string& name, const at::Tensor& weight) const {
    initialise_uniform(weight, seed_, name, std::sqrt(3 / fan_in(weight)));
  }

  void sines(const at::Tensor& table) const {
    table.copy_(sincos_position_table(config_.encoder.embed_dim[2],
                                      *backbone_config(config_).position_grid,
                                      /*class_token=*/false)
                    .unsqueeze(0));
  }

  const DetectorConfig& config_;
  std::uint64_t seed_;
};

}  // namespace

void initialise_detector(torch::nn::Module& detector, const DetectorConfig& config,
                         std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  if (config.pyramid == PyramidKind::simple) {
    initialise_parameters(detector, seed, {}, LinearInit::normal);
  }
  const DetectorInitialiser initialiser(config, seed);
  for (const auto& item : detector.named_parameters()) initialiser.set(item.key(), item.value());
}

}  // namespace convmae
