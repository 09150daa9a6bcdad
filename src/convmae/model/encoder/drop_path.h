#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace convmae {

/// Factors on a residual block's two branches, one an image (stochastic depth, Huang et al., arXiv
/// 1603.09382): 0 leaves the branch out, 1 / (1 - rate) makes up for the times that it is left out.
/// Where parts of an image are left out by themselves, such as windows, there is one a token.
struct BranchScales {
  /// [B] or [B, N] float32: of the branch that mixes positions (convolution, attention).
  at::Tensor mixing;
  at::Tensor mlp;  ///< [B] or [B, N] float32
};

/// The scales of a stack of blocks, in the order in which images pass them; no scales for a block
/// that drops nothing. An empty list means that no block drops anything.
using DropPath = std::vector<std::optional<BranchScales>>;

/// The published rates: rising evenly from 0 in the first block to `rate` in the last, as float32
/// numbers.
std::vector<double> drop_path_rates(double rate, std::int64_t blocks);

/// How many numbers an image draws: two for every block with a rate above 0.
std::int64_t drop_path_draws(const std::vector<double>& rates);

/// Scales from uniform draws [drop_path_draws(rates), B] in [0, 1), two rows a block that drops: a
/// branch stays where its draw is at least the rate.
DropPath drop_path(const std::vector<double>& rates, const at::Tensor& draws);

/// The factors that uniform draws in [0, 1) make of branches that are left out at that rate, of the
/// same shape: 0 where a draw is below the rate, else 1 / (1 - rate).
at::Tensor branch_scale(const at::Tensor& draws, double rate);

/// x + branch * scale, or x + branch without a scale. x, branch [B, ...]; scale [B], or as many of
/// their first dimensions as it has.
at::Tensor add_branch(const at::Tensor& x, const at::Tensor& branch,
                      const std::optional<at::Tensor>& scale);

/// The scale of one branch, if there are scales.
inline std::optional<at::Tensor> mixing_scale(const std::optional<BranchScales>& scales) {
  return scales ? std::optional(scales->mixing) : std::nullopt;
}
inline std::optional<at::Tensor> mlp_scale(const std::optional<BranchScales>& scales) {
  return scales ? std::optional(scales->mlp) : std::nullopt;
}

/// The scales of block number `block` of a stack.
inline std::optional<BranchScales> scales_of(const DropPath& drop_path, std::size_t block) {
  return drop_path.empty() ? std::nullopt : drop_path.at(block);
}

}  // namespace convmae
