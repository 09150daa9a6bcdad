#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace convmae {

/// Images as points, with their classes.
struct LabelledFeatures {
  at::Tensor features;  ///< [N, D] float32
  at::Tensor labels;    ///< [N] int64, all of them class indices
};

struct KnnScore {
  std::int64_t k = 0;  ///< neighbours that voted; fewer than asked for if there are no more
  double top1 = 0;     ///< share of the queries whose class has the most votes
  double top5 = 0;     ///< share whose class is among the five with the most votes
};

/// Classification by the nearest neighbours, weighted as in Wu et al., arXiv 1805.01978, section
/// 3.4: neighbours by cosine similarity, each voting for its class with the weight
/// exp(similarity / temperature), relative to the nearest one. One score for each k.
std::vector<KnnScore> knn_scores(const LabelledFeatures& bank, const LabelledFeatures& queries,
                                 std::span<const std::int64_t> ks, double temperature);

/// The same with every image as a query among all others: needs no second set of images.
std::vector<KnnScore> knn_scores_leaving_one_out(const LabelledFeatures& images,
                                                 std::span<const std::int64_t> ks,
                                                 double temperature);

}  // namespace convmae
