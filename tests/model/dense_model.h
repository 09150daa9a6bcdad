#pragma once

#include "convmae/model/config.h"

#include <torch/torch.h>

#include <map>
#include <string>

/// ConvMAE written plainly: dense maps, standard convolutions, a mask that multiplies. It shares
/// nothing with the visible pyramid but the parameters' names, and serves as its oracle.
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
