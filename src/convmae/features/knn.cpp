#include "convmae/features/knn.h"

#include "convmae/base/error.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <string>

namespace convmae {
namespace {

constexpr std::int64_t kQueriesAtOnce = 256;
constexpr double kLeastVote = 1e-300;

at::Tensor on_unit_sphere(const at::Tensor& features) {
  return features / features.norm(2, 1, /*keepdim=*/true).clamp_min(1e-12);
}

/// Counts for one k how often the votes are right.
void count_hits(const at::Tensor& similarities, const at::Tensor& votes, const at::Tensor& labels,
                std::int64_t classes, double temperature, KnnScore& score) {
  // The nearest comes first. Compared with it no vote is too large for a number, however low the
  // temperature is; and one that is too small for a number is a vote all the same.
  const at::Tensor nearest = similarities.narrow(1, 0, score.k).to(at::kDouble);
  const at::Tensor weights =
      ((nearest - nearest.narrow(1, 0, 1)) / temperature).exp().clamp_min(kLeastVote);
  const at::Tensor sums = at::zeros({labels.size(0), classes}, weights.options())
                              .scatter_add_(1, votes.narrow(1, 0, score.k), weights);
  const std::int64_t places = std::min<std::int64_t>(5, classes);
  const at::Tensor best = std::get<1>(sums.topk(places, 1));
  const at::Tensor hits = best == labels.unsqueeze(1);
  score.top1 += hits.select(1, 0).sum().item<double>();
  // A class without a vote is no answer, however few classes there are.
  const at::Tensor voted = sums.gather(1, best) > 0;
  score.top5 += hits.logical_and(voted).any(1).sum().item<double>();
}

std::vector<KnnScore> scores(const LabelledFeatures& bank, const LabelledFeatures& queries,
                             std::span<const std::int64_t> ks, double temperature,
                             bool leave_one_out) {
  const at::NoGradGuard no_grad;
  const std::int64_t available = bank.labels.size(0) - (leave_one_out ? 1 : 0);
  const std::int64_t count = queries.labels.size(0);
  if (available < 1 || count < 1) {
    throw UserError("nearest neighbours need at least two images with classes, found " +
                    std::to_string(bank.labels.size(0)) + ": give more images");
  }
  std::vector<KnnScore> result;
  std::int64_t most = 0;
  for (const std::int64_t k : ks) {
    result.push_back({.k = std::min(k, available)});
    most = std::max(most, result.back().k);
  }
  const std::int64_t classes =
      std::max(bank.labels.max().item<std::int64_t>(), queries.labels.max().item<std::int64_t>()) +
      1;
  const at::Tensor points = on_unit_sphere(bank.features);
  const at::Tensor asked = leave_one_out ? points : on_unit_sphere(queries.features);
  for (std::int64_t first = 0; first < count; first += kQueriesAtOnce) {
    const std::int64_t rows = std::min(kQueriesAtOnce, count - first);
    at::Tensor similarities = asked.narrow(0, first, rows).mm(points.t());
    if (leave_one_out) {
      similarities.diagonal(first).fill_(-std::numeric_limits<float>::infinity());
    }
    const auto [nearest, indices] = similarities.topk(most, 1);
    const at::Tensor votes = bank.labels.index_select(0, indices.flatten()).view({rows, most});
    for (KnnScore& score : result) {
      count_hits(nearest, votes, queries.labels.narrow(0, first, rows), classes, temperature,
                 score);
    }
  }
  for (KnnScore& score : result) {
    score.top1 /= static_cast<double>(count);
    score.top5 /= static_cast<double>(count);
  }
  return result;
}

}  // namespace

std::vector<KnnScore> knn_scores(const LabelledFeatures& bank, const LabelledFeatures& queries,
                                 std::span<const std::int64_t> ks, double temperature) {
  return scores(bank, queries, ks, temperature, /*leave_one_out=*/false);
}

std::vector<KnnScore> knn_scores_leaving_one_out(const LabelledFeatures& images,
                                                 std::span<const std::int64_t> ks,
                                                 double temperature) {
  return scores(images, images, ks, temperature, /*leave_one_out=*/true);
}

}  // namespace convmae
