#include "golden/replay/compare.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace convmae::golden {
namespace {

/// Inputs, weights and activations inside the reference; the rest are results.
bool is_result(const std::string& name) {
  const auto inputs = {"in.", "param.", "buffer.", "act."};
  return std::ranges::none_of(inputs, [&](const char* prefix) { return name.starts_with(prefix); });
}

std::set<std::string> strings_of(const Json& config, const char* key) {
  std::set<std::string> values;
  if (const auto found = config.find(key); found != config.end() && found->is_array()) {
    for (const Json& value : *found) values.insert(value.get<std::string>());
  }
  return values;
}

/// The middle third of a qkv bias belongs to the keys. Softmax does not see a constant added to all
/// keys: the true gradient is zero, and Adam divides its rounding noise by its own size.
at::Tensor without_key_bias(const at::Tensor& bias) {
  const std::int64_t third = bias.size(0) / 3;
  return at::cat({bias.narrow(0, 0, third), bias.narrow(0, 2 * third, third)});
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr double kTolerance = 1e-4;

double error_in_tolerances(const at::Tensor& ours, const at::Tensor& golden, double rounding,
                           double relative = kTolerance) {
  if (ours.sizes() != golden.sizes()) return kInfinity;
  if (golden.numel() == 0) return 0;
  const auto difference =
      (ours.to(at::kDouble) - golden.to(at::kDouble)).abs().max().item<double>();
  if (golden.scalar_type() == at::kByte) return difference == 0 ? 0 : kInfinity;
  const double tolerance =
      std::max(relative * golden.abs().max().item<double>(), std::max(10 * rounding, 1e-12));
  // An infinite tolerance would allow everything.
  return std::isfinite(tolerance) ? difference / tolerance : kInfinity;
}

/// Masks that a soft mask's crossing of a half decides, pixel by pixel: a few of the reference's
/// own change in double precision.
double error_of_pasted_masks(const at::Tensor& ours, const at::Tensor& golden) {
  constexpr double kMostPixels = 8;
  if (ours.sizes() != golden.sizes()) return kInfinity;
  return ours.ne(golden).sum().item<double>() / kMostPixels;
}

/// Pixels after a change of hue or saturation, which the reference makes in the arithmetic of its
/// processor: one level of 255, also where they are normalised by ImageNet's deviations.
double error_of_colours(const at::Tensor& ours, const at::Tensor& golden) {
  constexpr double kLeastDeviation = 57.12;
  constexpr double kRounding = 1e-4;
  if (ours.sizes() != golden.sizes()) return kInfinity;
  const double level = golden.scalar_type() == at::kByte ? 1 : 1 / kLeastDeviation + kRounding;
  return (ours.to(at::kDouble) - golden.to(at::kDouble)).abs().max().item<double>() / level;
}

/// Whether a result of the segmentors' transforms may have gone through hue and saturation.
bool is_recoloured(const std::string& name) {
  return name.starts_with("out.colour.hue") || name.starts_with("out.colour.saturation") ||
         name.ends_with(".distort.image") ||
         (name.ends_with(".image") && std::ranges::count(name, '.') == 2);
}

/// Gradients that pass through so many ReLUs that some lie within rounding of their corner, which
/// moves a few tensors.
class FlippedGradients {
 public:
  /// The error of one.
  double error(const at::Tensor& ours, const at::Tensor& golden, double rounding) {
    constexpr double kWider = 2e-3;
    ++gradients_;
    if (error_in_tolerances(ours, golden, rounding) > 1) ++beyond_;
    return error_in_tolerances(ours, golden, rounding, kWider);
  }
  bool too_many() const {
    constexpr double kShare = 0.03;
    return static_cast<double>(beyond_) > kShare * static_cast<double>(gradients_);
  }

 private:
  std::int64_t gradients_ = 0;
  std::int64_t beyond_ = 0;
};

/// Compares JSON values below a path. `place` is the path with `*` for every index: inputs are
/// named so.
class JsonComparison {
 public:
  JsonComparison(const std::vector<std::string>& inputs, Verdict& verdict)
      : inputs_(inputs), verdict_(verdict) {}

  void compare(const Json& golden, const Json& ours, const std::string& path,
               const std::string& place) {
    if (std::ranges::find(inputs_, place) != inputs_.end()) return;
    if (golden.is_object() && ours.is_object()) {
      for (const auto& [key, value] : golden.items()) {
        compare_entry(value, ours.contains(key) ? &ours.at(key) : nullptr, below(path, key),
                      below(place, key));
      }
      for (const auto& [key, value] : ours.items()) {
        if (!golden.contains(key)) verdict_.extra.push_back(below(path, key));
      }
    } else if (golden.is_array() && ours.is_array()) {
      for (std::size_t i = 0; i < golden.size(); ++i) {
        compare_entry(golden[i], i < ours.size() ? &ours[i] : nullptr,
                      below(path, std::to_string(i)), below(place, "*"));
      }
      for (std::size_t i = golden.size(); i < ours.size(); ++i) {
        verdict_.extra.push_back(below(path, std::to_string(i)));
      }
    } else if (golden.is_number() && ours.is_number()) {
      const auto a = ours.get<double>();
      const auto b = golden.get<double>();
      verdict_.note(a == b ? 0 : std::abs(a - b) / (1e-12 * std::abs(b)), path);
    } else {
      verdict_.note(golden == ours ? 0 : kInfinity, path);
    }
  }

 private:
  static std::string below(const std::string& path, const std::string& key) {
    return path.empty() ? key : path + "." + key;
  }

  void compare_entry(const Json& golden, const Json* ours, const std::string& path,
                     const std::string& place) {
    if (ours != nullptr) {
      compare(golden, *ours, path, place);
    } else if (std::ranges::find(inputs_, place) == inputs_.end()) {
      verdict_.missing.push_back(path);
    }
  }

  const std::vector<std::string>& inputs_;
  Verdict& verdict_;
};

}  // namespace

void Verdict::note(double error, const std::string& name) {
  if (std::isnan(error)) error = kInfinity;
  ++compared;
  if (error > worst || worst_name.empty()) {
    worst = error;
    worst_name = name;
  }
}

Verdict compare(const GoldenFile& file, const Replay& replay) {
  const std::set<std::string> noise = strings_of(file.config(), "noise_tensors");
  const std::set<std::string> noisy_keys = strings_of(file.config(), "dev_above_2e-5");
  const std::string kind = file.config().value("case", "");
  FlippedGradients flipped;
  Verdict verdict;
  for (const TensorView& view : file.tensors()) {
    if (!is_result(view.name) || noise.contains(view.name)) continue;
    const auto ours = replay.tensors.find(view.name);
    if (ours == replay.tensors.end()) {
      verdict.missing.push_back(view.name);
      continue;
    }
    at::Tensor a = ours->second.cpu();
    at::Tensor b = to_tensor(view);
    if (view.name.starts_with("final.") && noisy_keys.contains(view.name.substr(6))) {
      a = without_key_bias(a);
      b = without_key_bias(b);
    }
    const double rounding = file.rounding(view.name);
    if (file.config().contains("colour_ops") && is_recoloured(view.name)) {
      verdict.note(error_of_colours(a, b), view.name);
    } else if (kind == "maskrcnn_infer" && view.name.ends_with(".masks")) {
      verdict.note(error_of_pasted_masks(a, b), view.name);
    } else if (kind == "maskrcnn_train" && view.name.starts_with("grad.")) {
      verdict.note(flipped.error(a, b, rounding), view.name);
    } else {
      verdict.note(error_in_tolerances(a, b, rounding), view.name);
    }
  }
  if (flipped.too_many()) verdict.note(kInfinity, "too many gradients");
  for (const auto& [name, tensor] : replay.tensors) {
    // Files may hold a part of the other results, but a parameter that they give no gradient has
    // none.
    if (name.starts_with("grad") && !file.has(name)) verdict.extra.push_back(name);
  }
  return verdict;
}

Verdict compare(const Json& golden, const Replay& replay) {
  Verdict verdict;
  JsonComparison(replay.inputs, verdict).compare(golden, *replay.numbers, "", "");
  return verdict;
}

}  // namespace convmae::golden
