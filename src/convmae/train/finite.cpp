#include "convmae/train/finite.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

bool all_finite(const at::Tensor& values) {
  return !values.is_floating_point() || at::isfinite(values).all().item<bool>();
}

/// Of the first tensor with another value; empty if there is none.
std::string first_not_finite(const torch::nn::Module& model) {
  const at::NoGradGuard no_grad;
  for (const auto& item : model.named_parameters()) {
    if (!all_finite(item.value())) return item.key();
  }
  for (const auto& item : model.named_buffers()) {
    if (!all_finite(item.value())) return item.key();
  }
  return "";
}

/// Why a model gives no numbers, and what to do.
std::string reason_of(const torch::nn::Module& model) {
  const std::string weight = first_not_finite(model);
  return weight.empty()
             ? ": its weights are finite, so they, or the pixels, are far too large: "
               "check where both come from"
             : ": its weight " + quote(weight) + " holds NaN or infinity: use another checkpoint";
}

}  // namespace

void require_numbers(const at::Tensor& results, const std::string& who,
                     const torch::nn::Module& model) {
  if (all_finite(results)) return;
  throw UserError(who + " gives NaN or infinity" + reason_of(model));
}

void require_finite_weights(const torch::nn::Module& model, const std::filesystem::path& file) {
  const std::string weight = first_not_finite(model);
  if (weight.empty()) return;
  throw UserError("the weight " + quote(weight) + " of " + quote(file.string()) +
                  " holds NaN or infinity, from which nothing can be learned: give another "
                  "checkpoint");
}

bool has_finite_weights(const torch::nn::Module& model) { return first_not_finite(model).empty(); }

void NotNumbers::check(const at::Tensor& results, const Batch& batch, const ImageSource& source) {
  images_ += batch.count;
  if (all_finite(results)) return;
  const at::Tensor finite = at::isfinite(results.flatten(1)).all(1);
  for (std::int64_t i = 0; i < batch.count; ++i) {
    if (finite[i].item<bool>()) continue;
    if (found_++ == 0) first_ = source.name(batch.samples[static_cast<std::size_t>(i)]);
  }
}

void NotNumbers::require_none(const std::string& who, const torch::nn::Module& model) const {
  if (found_ == 0) return;
  throw UserError(who + " gives NaN or infinity for " + std::to_string(found_) + " of " +
                  std::to_string(images_) + " images, the first is " + quote(first_) +
                  reason_of(model));
}

}  // namespace convmae
