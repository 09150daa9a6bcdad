#pragma once

#include <ATen/core/Tensor.h>

namespace convmae {

/// Mean over the batch of -sum(target * log_softmax(logits)): logits, target [B, K] -> []. The
/// targets are shares that sum to 1, as mixing and label smoothing make them.
at::Tensor soft_target_cross_entropy(const at::Tensor& logits, const at::Tensor& target);

/// Cross entropy with label smoothing: logits [B, K], labels [B] int64 -> []. A share `smoothing`
/// of the target is spread over all classes, the label's own included; 0 is plain cross entropy.
at::Tensor label_smoothing_cross_entropy(const at::Tensor& logits, const at::Tensor& labels,
                                         double smoothing);

}  // namespace convmae
