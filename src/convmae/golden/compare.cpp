#include "convmae/golden/compare.h"

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

void note(Verdict& verdict, double error, const std::string& name) {
  ++verdict.compared;
  if (!(error <= verdict.worst) || verdict.worst_name.empty()) {
    verdict.worst = error;
    verdict.worst_name = name;
  }
}

double error_in_tolerances(const at::Tensor& ours, const at::Tensor& golden, double rounding) {
  if (ours.sizes() != golden.sizes()) return std::numeric_limits<double>::infinity();
  if (golden.numel() == 0) return 0;
  const auto difference =
      (ours.to(at::kDouble) - golden.to(at::kDouble)).abs().max().item<double>();
  if (golden.scalar_type() == at::kByte) {
    return difference == 0 ? 0 : std::numeric_limits<double>::infinity();
  }
  const double tolerance =
      std::max(1e-4 * golden.abs().max().item<double>(), std::max(10 * rounding, 1e-12));
  return difference / tolerance;
}

void compare_numbers(const Json& golden, const Json& ours, const std::string& path,
                     Verdict& verdict) {
  if (golden.is_object() || golden.is_array()) {
    if (ours.type() != golden.type()) {
      verdict.missing.push_back(path);
      return;
    }
    for (const auto& item : golden.items()) {
      const std::string below = path.empty() ? item.key() : path + "." + item.key();
      const bool present =
          golden.is_object() ? ours.contains(item.key()) : std::stoul(item.key()) < ours.size();
      if (!present) {
        verdict.missing.push_back(below);
      } else if (golden.is_object()) {
        compare_numbers(item.value(), ours.at(item.key()), below, verdict);
      } else {
        compare_numbers(item.value(), ours.at(std::stoul(item.key())), below, verdict);
      }
    }
  } else if (golden.is_number()) {
    const double b = golden.get<double>();
    const double a = ours.is_number() ? ours.get<double>() : std::nan("");
    note(verdict, a == b ? 0 : std::abs(a - b) / (1e-12 * std::abs(b)), path);
  }
}

}  // namespace

Verdict compare(const GoldenFile& file, const Replay& replay) {
  const std::set<std::string> noise = strings_of(file.config(), "noise_tensors");
  const std::set<std::string> noisy_keys = strings_of(file.config(), "dev_above_2e-5");
  Verdict verdict;
  for (const TensorView& view : file.tensors()) {
    if (!is_result(view.name) || noise.contains(view.name)) continue;
    const auto ours = replay.tensors.find(view.name);
    if (ours == replay.tensors.end()) {
      verdict.missing.push_back(view.name);
      continue;
    }
    at::Tensor a = ours->second;
    at::Tensor b = to_tensor(view);
    if (view.name.starts_with("final.") && noisy_keys.contains(view.name.substr(6))) {
      a = without_key_bias(a);
      b = without_key_bias(b);
    }
    note(verdict, error_in_tolerances(a, b, file.rounding(view.name)), view.name);
  }
  return verdict;
}

Verdict compare(const Json& golden, const Replay& replay) {
  Verdict verdict;
  compare_numbers(golden, *replay.numbers, "", verdict);
  return verdict;
}

}  // namespace convmae::golden
