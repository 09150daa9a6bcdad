#include "convmae/checkpoint/first_convolution.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/checkpoint_file.h"

#include <ATen/ATen.h>

namespace convmae {

InChansInit parse_in_chans_init(const std::string& name) {
  if (name == "mean") return InChansInit::mean;
  if (name == "repeat") return InChansInit::repeat;
  if (name == "random") return InChansInit::random;
  throw UserError("--in_chans_init must be mean, repeat or random, found " + quote(name));
}

at::Tensor adapt_in_chans(const at::Tensor& weight, std::int64_t in_chans, InChansInit init) {
  const std::int64_t before = weight.size(1);
  const at::Tensor source = init == InChansInit::mean ? weight.mean(1, /*keepdim=*/true) : weight;
  const at::Tensor channels = at::arange(in_chans, at::kLong).remainder(source.size(1));
  return source.index_select(1, channels) *
         (static_cast<double>(before) / static_cast<double>(in_chans));
}

bool take_first_convolution(const WeightFile& file, const Weight& weight, const at::Tensor& target,
                            InChansInit init, std::string& notes) {
  notes += "; the first convolution has " + std::to_string(weight.tensor.shape[1]) +
           " channels in the file, here " + std::to_string(target.size(1));
  if (init == InChansInit::random) {
    notes += ": it stays new";
    return false;
  }
  target.copy_(adapt_in_chans(read_tensor(file, weight), target.size(1), init));
  return true;
}

}  // namespace convmae
