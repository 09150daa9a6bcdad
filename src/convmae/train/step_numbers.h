#pragma once

#include "convmae/dist/process_group.h"
#include "convmae/train/task.h"

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// What is to be known of a step: sums over its micro-batches, and the norm of its gradient.
struct StepValues {
  double loss = 0;
  double grad_norm = 0;
  std::vector<std::pair<std::string, double>> parts;  ///< of the loss
};

/// The same where it is computed, on a device that may not have come so far: nothing here waits for
/// it but `read`.
class StepNumbers {
 public:
  void add(const Loss& loss);
  /// When all micro-batches are there, with the norm [] of their gradients: sends the numbers to
  /// the host.
  void finish(const at::Tensor& grad_norm);

  /// After `finish`: waits for the numbers, and makes losses and parts the means over all processes
  /// of a group, and `counts` their sums.
  void share(ProcessGroup& group, std::span<double> counts);

  /// [] bool on the device: whether all losses and the norm are finite.
  at::Tensor are_finite() const;
  /// Waits until the numbers have arrived.
  StepValues read() const;

 private:
  std::vector<at::Tensor> losses_;
  std::vector<std::pair<std::string, at::Tensor>> parts_;
  at::Tensor all_;                     ///< [n] float64: losses, norm, parts
  at::Tensor host_;                    ///< the same in host memory
  std::optional<c10::Event> arrival_;  ///< none where host and device are one
};

}  // namespace convmae
