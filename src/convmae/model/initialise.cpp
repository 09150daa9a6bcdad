#include "convmae/model/initialise.h"

#include "convmae/base/random.h"
#include "convmae/model/dense/convolution.h"
#include "convmae/model/encoder/layers.h"

#include <ATen/ATen.h>

#include <cmath>

namespace convmae {
namespace {

/// Of tokens, and of what starts like them.
constexpr double kDeviation = 0.02;

/// FNV-1a: numbers a parameter by its name.
std::uint64_t hash(const std::string& name) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h;
}

class Initialiser {
 public:
  Initialiser(std::uint64_t seed, std::string prefix) : seed_(seed), prefix_(std::move(prefix)) {}

  void uniform(const at::Tensor& parameter, const std::string& name, double bound) const {
    fill(parameter, name, [bound](CounterRandom& random) { return random.uniform(-bound, bound); });
  }
  void normal(const at::Tensor& parameter, const std::string& name, double deviation) const {
    fill(parameter, name,
         [deviation](CounterRandom& random) { return deviation * random.normal(); });
  }
  void truncated_normal(const at::Tensor& parameter, const std::string& name, double deviation,
                        double most) const {
    fill(parameter, name, [deviation, most](CounterRandom& random) {
      while (true) {
        const double draw = deviation * random.normal();
        if (std::abs(draw) <= most) return draw;
      }
    });
  }
  /// Weight [out, in, ...] seen as a matrix [out, rest].
  void xavier(const at::Tensor& weight, const char* name) const {
    const std::int64_t out = weight.size(0);
    const std::int64_t in = weight.numel() / out;
    uniform(weight, name, std::sqrt(6.0 / static_cast<double>(in + out)));
  }
  void convolution_default(const at::Tensor& weight, const at::Tensor& bias,
                           bool xavier_weight) const {
    const std::int64_t fan_in = weight.numel() / weight.size(0);
    const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
    if (xavier_weight) {
      xavier(weight, "weight");
    } else {
      uniform(weight, "weight", bound);
    }
    if (bias.defined()) uniform(bias, "bias", bound);
  }
  std::string full_name(const std::string& name) const {
    return prefix_.empty() ? name : prefix_ + "." + name;
  }

 private:
  template <typename Draw>
  void fill(const at::Tensor& parameter, const std::string& name, Draw draw) const {
    CounterRandom random(seed_, 0, hash(full_name(name)), Purpose::initialise);
    at::Tensor values = at::empty(parameter.sizes(), at::kFloat);
    auto* data = values.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < values.numel(); ++i) data[i] = static_cast<float>(draw(random));
    parameter.copy_(values);
  }

  std::uint64_t seed_;
  std::string prefix_;
};

}  // namespace

void initialise_normal(const at::Tensor& parameter, std::uint64_t seed, const std::string& name,
                       double deviation) {
  const at::NoGradGuard no_grad;
  Initialiser(seed, "").normal(parameter, name, deviation);
}

void initialise_truncated_normal(const at::Tensor& parameter, std::uint64_t seed,
                                 const std::string& name, double deviation, double most) {
  const at::NoGradGuard no_grad;
  Initialiser(seed, "").truncated_normal(parameter, name, deviation, most);
}

void initialise_uniform(const at::Tensor& parameter, std::uint64_t seed, const std::string& name,
                        double bound) {
  const at::NoGradGuard no_grad;
  Initialiser(seed, "").uniform(parameter, name, bound);
}

void initialise_parameters(torch::nn::Module& model, std::uint64_t seed,
                           const std::set<std::string>& xavier, LinearInit linear_init) {
  const at::NoGradGuard no_grad;
  for (const auto& entry : model.named_modules("", /*include_self=*/true)) {
    torch::nn::Module& module = *entry.value();
    const Initialiser initialiser(seed, entry.key());
    const bool xavier_weight = xavier.count(initialiser.full_name("weight")) > 0;
    if (const auto* linear = module.as<Linear>()) {
      if (linear->weight.dim() == 2) {
        if (linear_init == LinearInit::xavier) {
          initialiser.xavier(linear->weight, "weight");
        } else {
          initialiser.normal(linear->weight, "weight", kDeviation);
        }
        linear->bias.zero_();
      } else {
        initialiser.convolution_default(linear->weight, linear->bias, xavier_weight);
      }
    } else if (const auto* patch = module.as<PatchConv>()) {
      initialiser.convolution_default(patch->weight, patch->bias, xavier_weight);
    } else if (const auto* depthwise = module.as<DepthwiseConv>()) {
      initialiser.convolution_default(depthwise->weight, depthwise->bias, false);
    } else if (const auto* convolution = module.as<Convolution>()) {
      initialiser.convolution_default(convolution->weight, convolution->bias, false);
    } else if (const auto* upsampling = module.as<Upsampling>()) {
      initialiser.convolution_default(upsampling->weight, upsampling->bias, false);
    } else if (const auto* batch_norm = module.as<BatchNorm>()) {
      if (!batch_norm->weight.defined()) continue;
      batch_norm->weight.fill_(1);
      batch_norm->bias.zero_();
    } else if (const auto* norm = module.as<LayerNorm>()) {
      norm->weight.fill_(1);
      norm->bias.zero_();
    } else {
      for (const auto& token : module.named_parameters(/*recurse=*/false)) {
        // Layer scales and tables of relative positions start as they were made.
        const bool ready =
            token.key().starts_with("gamma_") || token.key() == "relative_position_bias_table";
        if (token.value().requires_grad() && !ready) {
          initialiser.normal(token.value(), token.key(), kDeviation);
        }
      }
    }
  }
}

}  // namespace convmae
