#pragma once

#include "convmae/model/config.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

/// ConvMAE as published (model/dense_description.h): dense maps, the library's convolutions, a mask
/// that multiplies (arXiv 2205.03892, section 3). It shares nothing with the visible pyramid but
/// the parameters' names: the tests take it for their oracle, and `convmae bench pretrain --against
/// dense` measures it.
namespace convmae::dense {

using Parameters = std::map<std::string, at::Tensor>;

struct Output {
  at::Tensor latent;  ///< [B, V, D], kept blocks ascending
  at::Tensor pred;    ///< [B, L, n]
  at::Tensor loss;
};

/// images [B, C, H, W]; keep [B, L] with 1 = kept, the same number in every row.
Output convmae_forward(const Parameters& parameters, const ModelConfig& config,
                       const at::Tensor& images, const at::Tensor& keep);

}  // namespace convmae::dense
