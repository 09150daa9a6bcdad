#include "convmae/coco/image_errors.h"

#include "convmae/coco/detection_order.h"
#include "convmae/coco/matching.h"

namespace convmae::coco {
namespace {

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

enum class Verdict { found, wrong, ignored };

Verdict verdict_of(const Outcome& outcome) {
  // Of all sizes, at the first threshold.
  if (outcome.rank == Outcome::kUnranked || (outcome.ignored[0] & 1U) != 0) return Verdict::ignored;
  return (outcome.matched[0] & 1U) != 0 ? Verdict::found : Verdict::wrong;
}

/// The lowest score of those where F1 is largest.
double balanced_score(const std::vector<Detection>& detections, const Matching& matching,
                      std::int64_t objects) {
  const std::vector<std::uint32_t> order = by_score(first_indices(detections.size()), detections);
  std::int64_t found = 0;
  std::int64_t wrong = 0;
  double best = 0;
  double score = 1;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Verdict verdict = verdict_of(matching.outcomes[order[i]]);
    if (verdict == Verdict::found) ++found;
    if (verdict == Verdict::wrong) ++wrong;
    const double own = detections[order[i]].score;
    // Those of one score count together.
    if (i + 1 < order.size() && detections[order[i + 1]].score == own) continue;
    const double f1 = share(2 * found, found + wrong + objects);
    if (f1 <= best) continue;
    best = f1;
    score = own;
  }
  return score;
}

}  // namespace

double ErrorCount::precision() const { return share(all.found, all.found + all.wrong); }

double ErrorCount::recall() const { return share(all.found, all.objects); }

double ErrorCount::f1() const { return share(2 * all.found, all.found + all.wrong + all.objects); }

ErrorCount count_errors(const Dataset& truth, const Results& results,
                        const EvaluationOptions& options) {
  ErrorCount count;
  count.images.resize(truth.images().size());
  for (const Annotation& annotation : truth.annotations()) {
    if (!annotation.crowd) ++count.images[static_cast<std::size_t>(annotation.image)].objects;
  }
  const Matching matching = match(truth, results, options);
  const std::vector<Detection>& detections = results.detections();
  for (const ImageErrors& image : count.images) count.all.objects += image.objects;
  count.score = balanced_score(detections, matching, count.all.objects);
  for (std::size_t i = 0; i < detections.size(); ++i) {
    if (detections[i].score < count.score) continue;
    ImageErrors& image = count.images[static_cast<std::size_t>(detections[i].image)];
    const Verdict verdict = verdict_of(matching.outcomes[i]);
    if (verdict == Verdict::found) ++image.found;
    if (verdict == Verdict::wrong) ++image.wrong;
  }
  for (const ImageErrors& image : count.images) {
    count.all.found += image.found;
    count.all.wrong += image.wrong;
  }
  return count;
}

}  // namespace convmae::coco
