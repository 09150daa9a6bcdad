#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <optional>

namespace convmae {

class ProcessGroup;

/// Batch norm over everything but the channels, with momentum 0.1 and the unbiased variance for its
/// running statistics. In training mode these wait: they move when the step that their batches
/// belong to is taken, so that a step that is left out leaves them alone. Where several processes
/// train together, a batch is what all of them have.
class BatchNorm : public torch::nn::Module {
 public:
  enum class Affine {
    none,             ///< normalises alone
    scale_and_shift,  ///< `weight`, `bias`
  };
  BatchNorm(std::int64_t channels, double eps, Affine affine = Affine::scale_and_shift);

  /// From here on training batches are those of all processes of the group together; null: of this
  /// one. The others then make the same calls, and each backward pass, in the same order, with any
  /// number of numbers.
  void share_with(ProcessGroup* group) { group_ = group; }

  /// x [B, C, ...] -> the same shape. A training batch without numbers moves nothing. Throws
  /// c10::Error for one with a single number a channel, which has no variance.
  at::Tensor forward(const at::Tensor& x);
  /// Moves the running statistics by the training batches since the last of these two calls.
  void commit();
  /// The same if `admitted` ([] bool, on the device) is true; otherwise forgets them.
  void commit_if(const at::Tensor& admitted);
  /// Forgets those batches.
  void discard() { pending_.reset(); }

  at::Tensor weight;  ///< [C], undefined without scale and shift
  at::Tensor bias;    ///< [C], the same

 private:
  /// What the running statistics become with the batches of the step that is under way.
  struct Pending {
    at::Tensor mean;
    at::Tensor var;
    std::int64_t batches = 0;
  };

  at::Tensor forward_shared(const at::Tensor& x);
  Pending& begin_batch();

  double eps_;
  ProcessGroup* group_ = nullptr;
  at::Tensor running_mean_;         ///< [C] float32
  at::Tensor running_var_;          ///< [C] float32
  at::Tensor num_batches_tracked_;  ///< [] int64
  std::optional<Pending> pending_;
};

/// Lets every batch norm in a module share its training batches with the processes of a group.
void set_process_group(torch::nn::Module& module, ProcessGroup* group);

/// The same of every batch norm in a module: after an optimizer step that was taken, or was left
/// out.
void commit_statistics(torch::nn::Module& module);
void commit_statistics_if(torch::nn::Module& module, const at::Tensor& admitted);
void discard_statistics(torch::nn::Module& module);

}  // namespace convmae
