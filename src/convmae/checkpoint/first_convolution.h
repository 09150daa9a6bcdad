#pragma once

#include "convmae/io/weights.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace convmae {

/// How the first convolution of a file becomes one for another number of channels.
enum class InChansInit {
  mean,    ///< every channel gets the mean of the file's channels
  repeat,  ///< the file's channels in turn
  random,  ///< stays as a new model's
};
InChansInit parse_in_chans_init(const std::string& name);

/// The weight [out, in, k, k] of a first convolution for `in_chans` channels, scaled by the ratio
/// of the numbers of channels: with `mean`, a grey image gives what it gave before. Not for
/// `random`.
at::Tensor adapt_in_chans(const at::Tensor& weight, std::int64_t in_chans, InChansInit init);

/// Takes a file's first convolution for another number of channels into `target`, and appends to
/// `notes` what was done. False if `target` is left as it is.
bool take_first_convolution(const WeightFile& file, const Weight& weight, const at::Tensor& target,
                            InChansInit init, std::string& notes);

}  // namespace convmae
