#include "convmae/dist/gradient_reducer.h"

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <unordered_map>

namespace convmae {
namespace {

/// As DistributedDataParallel has it.
constexpr std::size_t kBucketBytes = std::size_t{25} << 20;

}  // namespace

GradientReducer::GradientReducer(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                                 ProcessGroup& group)
    : group_(group) {
  std::vector<at::Tensor> tensors;
  std::unordered_map<std::size_t, std::string> names;
  tensors.reserve(parameters.size());
  for (const auto& [name, parameter] : parameters) {
    names.emplace(tensors.size(), name);
    tensors.push_back(parameter);
  }
  const std::vector<bool> sparse(tensors.size(), false);
  const auto first = static_cast<std::size_t>(c10d::kDefaultFirstBucketBytes);
  std::vector<std::vector<std::size_t>> buckets =
      std::get<0>(c10d::compute_bucket_assignment_by_size(tensors, {first, kBucketBytes}, sparse));
  // Gradients come from the last parameter to the first.
  std::ranges::reverse(buckets);
  group_.waiting([&] {
    reducer_ = std::make_unique<c10d::Reducer>(
        tensors, buckets, group_.c10d_group(), sparse, static_cast<std::int64_t>(kBucketBytes),
        /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true, names,
        c10d::kDefaultFirstBucketBytes, /*skip_all_reduce_unused_params=*/false,
        /*use_python_reducer=*/false, /*bucket_bytes_cap_list=*/std::vector<std::int64_t>{});
  });
}

GradientReducer::~GradientReducer() = default;

void GradientReducer::backward(const at::Tensor& loss) {
  group_.waiting([&] {
    reducer_->prepare_for_forward();
    if (reducer_->should_rebuild_buckets()) reducer_->rebuild_buckets();
    reducer_->prepare_for_backward({loss});
    loss.backward();
  });
}

}  // namespace convmae
