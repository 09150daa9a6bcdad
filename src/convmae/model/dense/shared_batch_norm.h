#pragma once

#include <ATen/core/Tensor.h>

namespace convmae {

class ProcessGroup;

/// Batch norm of a batch of which each process of a group has a part, as large as it likes; some
/// may have none. It is batch norm of all parts together, in values and in the gradients of what
/// the processes' losses add up to. They make these calls, and the backward passes through them, in
/// the same order.

/// What all parts have together.
struct SharedStatistics {
  double count = 0;  ///< numbers a channel
  at::Tensor mean;   ///< [C]
  at::Tensor var;    ///< [C], the mean square of what differs from the mean
};

/// Of x [B, C, ...] over all processes, in the type of `like` [C]. Undefined for a count of 0.
SharedStatistics shared_statistics(const at::Tensor& x, const at::Tensor& like,
                                   ProcessGroup& group);

/// x [B, C, ...] normalised by the statistics of the batch that it is a part of, then scaled and
/// shifted by `weight` and `bias` [C] where they are defined -> the same shape and type. The
/// gradient of x takes in how x moves the statistics; those of weight and bias are of the own part.
/// The second derivative is not implemented (c10::Error).
at::Tensor normalise_part(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                          const SharedStatistics& statistics, double eps, ProcessGroup& group);

}  // namespace convmae
