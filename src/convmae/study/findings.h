#pragma once

#include "convmae/study/plan.h"
#include "convmae/study/result_lines.h"
#include "convmae/study/statistics.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// A score after some epochs, the mean of all seeds that have one there.
struct MeanCurve {
  std::vector<double> epochs;
  std::vector<double> values;
};

/// What the lines of a study say about its arms. Lines of other settings than the study has now
/// are passed over.
class StudyFindings {
 public:
  /// `plan` may be of several studies.
  StudyFindings(const Study& study, const StudyPlan& plan, const std::vector<ResultLine>& lines,
                const std::vector<CostLine>& costs);

  /// By seed: the mean over its draws, if all are there.
  std::map<std::int64_t, double> scores(const std::string& arm,
                                        const std::string& evaluation) const;
  /// Of `arm` less `other`, over the seeds that both have; nothing if there are none.
  std::optional<MeanInterval> difference(const std::string& arm, const std::string& other,
                                         const std::string& evaluation) const;
  /// Of all lines of an evaluation, or of the pretrainings.
  MeanCurve curve(const std::string& arm, const std::string& evaluation) const;
  /// CPU seconds of an arm's pretraining: of a step as measured in turns on the kind of CPU that
  /// most lines are of, times its steps; where that was not measured, the mean of its runs. NaN
  /// without a run.
  double pretraining_cpu_seconds(const std::string& arm) const;
  /// Mean of all lines; NaN without one.
  double evaluation_cpu_seconds(const std::string& arm, const std::string& evaluation) const;
  /// The kinds of CPU that the lines are of.
  std::vector<std::string> cpus() const;
  std::size_t line_count() const { return lines_.size(); }
  /// How many lines there will be.
  std::size_t planned() const { return planned_; }

 private:
  std::vector<const ResultLine*> of(const std::string& arm, const std::string& evaluation) const;

  const Study& study_;
  std::vector<ResultLine> lines_;
  std::size_t planned_ = 0;
  std::map<std::string, double> step_seconds_;  ///< by arm
};

/// What the lines say about a claim.
struct Verdict {
  std::string text;  ///< "holds", "does not hold" or "cannot be told"
  std::optional<MeanInterval> difference;
};

Verdict verdict_on(const StudyClaim& claim, const StudyFindings& findings);

}  // namespace convmae
