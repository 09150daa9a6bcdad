#include "convmae/model/encoder/drop_path.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>

namespace convmae {

std::vector<double> drop_path_rates(double rate, std::int64_t blocks) {
  const at::Tensor rates = at::linspace(0, rate, blocks, at::kFloat);
  std::vector<double> result;
  for (std::int64_t i = 0; i < blocks; ++i) result.push_back(rates[i].item<double>());
  return result;
}

std::int64_t drop_path_draws(const std::vector<double>& rates) {
  return 2 * std::ranges::count_if(rates, [](double rate) { return rate > 0; });
}

DropPath drop_path(const std::vector<double>& rates, const at::Tensor& draws) {
  TORCH_CHECK(draws.dim() == 2 && draws.size(0) == drop_path_draws(rates), "drop path needs ",
              drop_path_draws(rates), " draws an image, found ", draws.sizes());
  DropPath result;
  std::int64_t call = 0;
  for (const double rate : rates) {
    if (rate <= 0) {
      result.emplace_back();
      continue;
    }
    std::array<at::Tensor, 2> scales;
    for (at::Tensor& scale : scales) scale = branch_scale(draws[call++], rate);
    result.push_back(BranchScales{scales[0], scales[1]});
  }
  return result;
}

at::Tensor branch_scale(const at::Tensor& draws, double rate) {
  // A rate of 1 drops every image: its scale is 0, not 0 / 0.
  const double keep = 1 - rate;
  return (draws + keep).floor() / (keep > 0 ? keep : 1);
}

at::Tensor add_branch(const at::Tensor& x, const at::Tensor& branch,
                      const std::optional<at::Tensor>& scale) {
  if (!scale) return x + branch;
  std::vector<std::int64_t> shape = scale->sizes().vec();
  shape.resize(static_cast<std::size_t>(x.dim()), 1);
  return at::addcmul(x, branch, scale->view(shape).to(x.scalar_type()));
}

}  // namespace convmae
