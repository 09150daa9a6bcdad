#include "convmae/coco/evaluation.h"

#include "convmae/base/error.h"
#include "convmae/coco/matching.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <string>

namespace convmae::coco {

/// Turns what became of the detections into curves.
class Accumulation {
 public:
  Accumulation(const Matching& matching, const Results& results, Evaluation& evaluation)
      : matching_(matching),
        results_(results),
        evaluation_(evaluation),
        recalls_(recall_thresholds()) {}

  void category(std::size_t category) {
    const std::size_t begin = matching_.begins[category];
    const std::size_t end = matching_.begins[category + 1];
    rows_.clear();
    for (const std::uint32_t index : std::span(matching_.ranked).subspan(begin, end - begin)) {
      const Outcome& outcome = matching_.outcomes[index];
      if (outcome.rank == Outcome::kUnranked) continue;
      rows_.push_back({outcome, results_.detections()[index].score});
    }
    for (std::size_t area = 0; area < kAreas; ++area) {
      const std::int64_t objects = matching_.objects[category][area];
      if (objects == 0) continue;
      find_needed(objects);
      for (std::size_t limit = 0; limit < kLimits; ++limit) {
        collect(area, limit);
        for (std::size_t t = 0; t < kThresholds; ++t) write(category, area, limit, t, objects);
      }
    }
  }

 private:
  struct Row {
    Outcome outcome;
    double score;
  };
  /// A detection that found an object: only there recall grows, and precision has its maxima.
  struct Hit {
    double precision;
    double score;
  };

  /// How many objects must be found for each recall threshold. The quotients grow with the number.
  void find_needed(std::int64_t objects) {
    const auto total = static_cast<double>(objects);
    for (std::size_t r = 0; r < kRecalls; ++r) {
      auto count = static_cast<std::int64_t>(recalls_[r] * total);
      while (count > 0 && static_cast<double>(count - 1) / total >= recalls_[r]) --count;
      while (static_cast<double>(count) / total < recalls_[r]) ++count;
      needed_[r] = static_cast<std::size_t>(count);
    }
  }

  void collect(std::size_t area, std::size_t limit) {
    for (std::vector<Hit>& hits : hits_) hits.clear();
    first_score_.reset();
    // Most detections are false at every threshold: these are counted once.
    std::int64_t false_everywhere = 0;
    std::array<std::int64_t, kThresholds> more_false{};
    for (const Row& row : rows_) {
      if (row.outcome.rank >= kDetectionLimits[limit]) continue;
      if (!first_score_) first_score_ = row.score;
      const unsigned counted = Outcome::kAll & ~unsigned{row.outcome.ignored[area]};
      unsigned hits = row.outcome.matched[area] & counted;
      unsigned misses = counted & ~hits;
      if (misses == Outcome::kAll) {
        ++false_everywhere;
        continue;
      }
      for (; misses != 0; misses &= misses - 1) ++more_false[lowest(misses)];
      for (; hits != 0; hits &= hits - 1) {
        const std::size_t t = lowest(hits);
        const auto found = static_cast<double>(hits_[t].size() + 1);
        const auto wrong = static_cast<double>(false_everywhere + more_false[t]);
        // numpy.spacing(1) is in pycocotools' formula.
        const double precision = found / (wrong + found + std::numeric_limits<double>::epsilon());
        hits_[t].push_back({precision, row.score});
      }
    }
  }

  static std::size_t lowest(unsigned bits) {
    return static_cast<std::size_t>(std::countr_zero(bits));
  }

  void write(std::size_t category, std::size_t area, std::size_t limit, std::size_t threshold,
             std::int64_t objects) {
    std::vector<Hit>& hits = hits_[threshold];
    for (std::size_t i = hits.size(); i-- > 1;) {
      hits[i - 1].precision = std::max(hits[i - 1].precision, hits[i].precision);
    }
    const std::size_t curve = evaluation_.curve(threshold, category, area, limit);
    evaluation_.recall_[curve] = static_cast<double>(hits.size()) / static_cast<double>(objects);
    double* const precision = &evaluation_.precision_[curve * kRecalls];
    double* const scores = &evaluation_.scores_[curve * kRecalls];
    std::fill_n(precision, kRecalls, 0.0);
    std::fill_n(scores, kRecalls, 0.0);
    // Recall 0 is reached by the first detection, whether it is right or not.
    if (!hits.empty()) precision[0] = hits.front().precision;
    if (first_score_) scores[0] = *first_score_;
    for (std::size_t r = 1; r < kRecalls && needed_[r] <= hits.size(); ++r) {
      precision[r] = hits[needed_[r] - 1].precision;
      scores[r] = hits[needed_[r] - 1].score;
    }
  }

  const Matching& matching_;
  const Results& results_;
  Evaluation& evaluation_;
  std::array<double, kRecalls> recalls_;
  std::array<std::size_t, kRecalls> needed_{};
  std::array<std::vector<Hit>, kThresholds> hits_;
  std::optional<double> first_score_;
  std::vector<Row> rows_;
};

Evaluation::Evaluation(const Dataset& truth, const Results& results,
                       const EvaluationOptions& options)
    : categories_(options.class_agnostic ? 1 : truth.categories().size()) {
  constexpr std::size_t kMostCategories = 20000;  // 4 GB of curves
  if (categories_ > kMostCategories) {
    throw UserError("expected at most 20000 categories to evaluate, found " +
                    std::to_string(categories_));
  }
  const Matching matching = match(truth, results, options);
  const std::size_t curves = categories_ * kAreas * kLimits * kThresholds;
  precision_.assign(curves * kRecalls, -1);
  scores_.assign(curves * kRecalls, -1);
  recall_.assign(curves, -1);
  Accumulation accumulation(matching, results, *this);
  for (std::size_t category = 0; category < categories_; ++category) {
    accumulation.category(category);
  }
}

std::array<double, kThresholds> iou_thresholds() {
  std::array<double, kThresholds> thresholds{};
  constexpr double kFirst = 0.5;
  constexpr double kLast = 0.95;
  const double step = (kLast - kFirst) / (kThresholds - 1);
  for (std::size_t i = 0; i < kThresholds; ++i) {
    thresholds[i] = static_cast<double>(i) * step + kFirst;
  }
  thresholds.back() = kLast;
  return thresholds;
}

std::array<double, kRecalls> recall_thresholds() {
  std::array<double, kRecalls> thresholds{};
  for (std::size_t i = 0; i < kRecalls; ++i) thresholds[i] = static_cast<double>(i) * 0.01;
  thresholds.back() = 1;
  return thresholds;
}

}  // namespace convmae::coco
