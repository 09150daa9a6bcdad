#pragma once

#include "convmae/checkpoint/preprocessing.h"
#include "convmae/data/loader.h"

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <deque>
#include <memory>
#include <optional>

namespace convmae {

/// How batches for a device lie in memory: as floats for the CPU; as bytes, where a task can do
/// with them, in memory that the device reads by itself, for others.
BatchMemory batch_memory(c10::Device device, bool bytes);

/// Brings the pixels of training batches to a device while that computes the step before: the
/// trainer runs ahead of it, and they travel beside its work.
class PixelFeed {
 public:
  PixelFeed(Preprocessing preprocessing, c10::Device device);

  /// [B, C, H, W] float32, normalised: the same numbers whether the batch has them as floats or as
  /// bytes. On the CPU it may share the batch's memory.
  at::Tensor images(const Batch& batch);

 private:
  struct Sending {
    std::shared_ptr<const void> memory;
    c10::Event arrived;
  };
  at::Tensor send(const at::Tensor& host, std::shared_ptr<const void> memory);

  Preprocessing preprocessing_;
  c10::Device device_;
  at::Tensor mean_;  ///< [C, 1, 1], on the device
  at::Tensor std_;
  at::Tensor full_scale_;              ///< []
  std::optional<c10::Stream> stream_;  ///< of what travels; none on the CPU
  std::deque<Sending> underway_;
};

}  // namespace convmae
