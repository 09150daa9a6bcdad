#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace convmae {

/// The masked mean squared error of MAE, summed up pass by pass: the mean over all removed numbers,
/// also where passes remove different numbers of blocks.
class ReconstructionLoss {
 public:
  /// pred and target of the same shape, removed blocks only; summed in the type of the target.
  void add(const at::Tensor& pred, const at::Tensor& target);
  /// The same with weights of 0 and 1, as many as numbers: where 1, which holds for `count`, a
  /// number counts.
  void add(const at::Tensor& pred, const at::Tensor& target, const at::Tensor& counts,
           std::int64_t count);
  /// [] float32 (or the type of the targets).
  at::Tensor mean() const;

 private:
  at::Tensor sum_;
  double count_ = 0;
};

}  // namespace convmae
