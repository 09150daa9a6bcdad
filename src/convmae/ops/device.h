#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <string>

namespace convmae {

/// The device that --device names: cpu, cuda or cuda:NUMBER. `auto` is a GPU where there is one
/// that this program was built for, and else the CPU. Without a number, process `local_rank` of a
/// machine takes the GPU of that number, again from the first on where they are fewer. Throws
/// UserError for another name, and for a GPU that cannot be had.
c10::Device parse_device(const std::string& name, std::int64_t local_rank = 0);

/// The GPUs that this program can compute on.
std::int64_t num_gpus();

/// Makes a device the one that is computed on, so that the same step gives the same bits every time
/// and float32 has all of its digits. Before anything is computed there; of the CPU nothing is
/// changed.
void use_device(c10::Device device);

/// Waits until the device has done all that was started on it.
void wait_for(c10::Device device);

/// A tensor in host memory on the device, without waiting for what that computes. On the CPU it is
/// the tensor itself.
at::Tensor sent_to(c10::Device device, const at::Tensor& host);

}  // namespace convmae
