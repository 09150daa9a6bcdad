#include "convmae/classify/classification_loss.h"

#include <ATen/ATen.h>

namespace convmae {

at::Tensor soft_target_cross_entropy(const at::Tensor& logits, const at::Tensor& target) {
  return -(target * at::log_softmax(logits, 1)).sum(1).mean();
}

at::Tensor label_smoothing_cross_entropy(const at::Tensor& logits, const at::Tensor& labels,
                                         double smoothing) {
  const at::Tensor log_share = at::log_softmax(logits, 1);
  const at::Tensor of_label = log_share.gather(1, labels.unsqueeze(1)).squeeze(1);
  return -((1 - smoothing) * of_label + smoothing * log_share.mean(1)).mean();
}

}  // namespace convmae
