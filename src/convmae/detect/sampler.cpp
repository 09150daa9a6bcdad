#include "convmae/detect/sampler.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace convmae {
namespace {

at::Tensor choose(const at::Tensor& candidates, std::int64_t count, const SubsetDraw& draw) {
  const std::vector<std::int64_t> chosen = draw(candidates.size(0), count);
  at::Tensor places = at::empty({count}, at::kLong);
  std::copy_n(chosen.begin(), count, places.mutable_data_ptr<std::int64_t>());
  return candidates.index_select(0, places);
}

}  // namespace

SubsetDraw draw_from(CounterRandom& random) {
  return [&random](std::int64_t n, std::int64_t count) {
    // The beginning of a shuffle by Fisher and Yates.
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(n));
    std::iota(numbers.begin(), numbers.end(), 0);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto left = static_cast<std::uint64_t>(n - i);
      std::swap(numbers[i], numbers[i + static_cast<std::int64_t>(random.below(left))]);
    }
    numbers.resize(static_cast<std::size_t>(count));
    return numbers;
  };
}

LabelSubsample subsample_labels(const at::Tensor& labels, std::int64_t background,
                                const SubsampleConfig& config, const SubsetDraw& draw) {
  TORCH_CHECK(labels.dim() == 1 && labels.scalar_type() == at::kLong,
              "expected labels [N] int64, found ", labels.sizes(), " ", labels.scalar_type());
  const at::Tensor positive =
      (labels != -1).logical_and_(labels != background).nonzero().squeeze(1);
  const at::Tensor negative = (labels == background).nonzero().squeeze(1);
  const auto most =
      static_cast<std::int64_t>(static_cast<double>(config.count) * config.positive_fraction);
  const std::int64_t positives = std::min(positive.size(0), most);
  const std::int64_t negatives = std::min(negative.size(0), config.count - positives);
  at::Tensor chosen = choose(positive, positives, draw);
  return {std::move(chosen), choose(negative, negatives, draw)};
}

}  // namespace convmae
