#pragma once

#include "convmae/data/loader.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace convmae {

/// Throws UserError if what `model` made of one image holds NaN or infinity; `who` is what gave it,
/// such as "the classifier".
void require_numbers(const at::Tensor& results, const std::string& who,
                     const torch::nn::Module& model);

/// Throws UserError if a parameter or buffer of `model`, which came from `file`, holds NaN or
/// infinity.
void require_finite_weights(const torch::nn::Module& model, const std::filesystem::path& file);

/// Whether all parameters of `model` are finite.
bool has_finite_weights(const torch::nn::Module& model);

/// The images of a set of which a model makes something that is no number.
class NotNumbers {
 public:
  /// `results` [B, ...], one for each image of the batch.
  void check(const at::Tensor& results, const Batch& batch, const ImageSource& source);
  /// Throws UserError that counts and names them if there were any.
  void require_none(const std::string& who, const torch::nn::Module& model) const;

 private:
  std::int64_t images_ = 0;
  std::int64_t found_ = 0;
  std::string first_;
};

}  // namespace convmae
