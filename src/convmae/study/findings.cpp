#include "convmae/study/findings.h"

#include "convmae/study/costs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

namespace convmae {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double median(std::vector<double> values) {
  if (values.empty()) return kNone;
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

double mean_cpu_seconds(const std::vector<const ResultLine*>& lines) {
  if (lines.empty()) return kNone;
  double sum = 0;
  for (const ResultLine* line : lines) sum += line->outcome.cpu_seconds;
  return sum / static_cast<double>(lines.size());
}

/// Of lines that several kinds of CPU have computed, that of most.
std::string main_cpu(const std::vector<ResultLine>& lines) {
  std::map<std::string, std::size_t> counts;
  for (const ResultLine& line : lines) ++counts[line.outcome.cpu];
  const auto found =
      std::ranges::max_element(counts, {}, &std::pair<const std::string, std::size_t>::second);
  return found == counts.end() ? "" : found->first;
}

}  // namespace

StudyFindings::StudyFindings(const Study& study, const StudyPlan& plan,
                             const std::vector<ResultLine>& lines,
                             const std::vector<CostLine>& costs)
    : study_(study) {
  std::set<std::pair<std::string, std::string>> wanted;  // arm and evaluation of a task
  std::map<std::string, std::string> settings;           // of the arms' steps
  for (const StudyTask& task : plan.tasks) {
    for (const TaskUse& use : task.uses) {
      if (use.study != study.name) continue;
      ++planned_;
      wanted.emplace(task.key, use.arm + '\n' + use.evaluation);
      if (use.evaluation == kPretraining) settings.try_emplace(use.arm, cost_setting(task));
    }
  }
  for (const ResultLine& line : lines) {
    const bool is_wanted = line.use.study == study.name &&
                           wanted.contains({line.task, line.use.arm + '\n' + line.use.evaluation});
    if (is_wanted) lines_.push_back(line);
  }
  const std::string cpu = main_cpu(lines_);
  for (const auto& [arm, setting] : settings) {
    std::vector<double> rounds;
    for (const CostLine& cost : costs) {
      if (cost.setting == setting && cost.cpu == cpu) rounds.push_back(cost.seconds_per_step);
    }
    step_seconds_[arm] = median(std::move(rounds));
  }
}

std::vector<const ResultLine*> StudyFindings::of(const std::string& arm,
                                                 const std::string& evaluation) const {
  std::vector<const ResultLine*> found;
  for (const ResultLine& line : lines_) {
    if (line.use.arm == arm && line.use.evaluation == evaluation) found.push_back(&line);
  }
  return found;
}

std::map<std::int64_t, double> StudyFindings::scores(const std::string& arm,
                                                     const std::string& evaluation) const {
  std::map<std::int64_t, std::map<std::int64_t, double>> draws;
  for (const ResultLine* line : of(arm, evaluation)) {
    draws[line->use.seed][line->use.draw] = line->outcome.value;
  }
  const auto wanted = static_cast<std::size_t>(
      evaluation == kPretraining ? 1 : study_.evaluation(evaluation).draws);
  std::map<std::int64_t, double> scores;
  for (const auto& [seed, values] : draws) {
    if (values.size() < wanted) continue;
    double sum = 0;
    for (const auto& [draw, value] : values) sum += value;
    scores[seed] = sum / static_cast<double>(values.size());
  }
  return scores;
}

std::optional<MeanInterval> StudyFindings::difference(const std::string& arm,
                                                      const std::string& other,
                                                      const std::string& evaluation) const {
  const std::map<std::int64_t, double> others = scores(other, evaluation);
  std::vector<double> differences;
  for (const auto& [seed, value] : scores(arm, evaluation)) {
    const auto found = others.find(seed);
    if (found != others.end()) differences.push_back(value - found->second);
  }
  if (differences.empty()) return std::nullopt;
  return mean_interval(differences);
}

MeanCurve StudyFindings::curve(const std::string& arm, const std::string& evaluation) const {
  std::map<double, std::vector<double>> values;
  for (const ResultLine* line : of(arm, evaluation)) {
    const TaskOutcome& outcome = line->outcome;
    for (std::size_t i = 0; i < outcome.curve_epochs.size(); ++i) {
      values[outcome.curve_epochs[i]].push_back(outcome.curve_values[i]);
    }
  }
  MeanCurve curve;
  for (const auto& [epochs, found] : values) {
    curve.epochs.push_back(epochs);
    curve.values.push_back(mean_of(found));
  }
  return curve;
}

double StudyFindings::pretraining_cpu_seconds(const std::string& arm) const {
  const std::vector<const ResultLine*> lines = of(arm, kPretraining);
  const auto measured = step_seconds_.find(arm);
  if (lines.empty() || measured == step_seconds_.end() || !std::isfinite(measured->second)) {
    return mean_cpu_seconds(lines);
  }
  return measured->second * static_cast<double>(lines.front()->outcome.steps);
}

double StudyFindings::evaluation_cpu_seconds(const std::string& arm,
                                             const std::string& evaluation) const {
  return mean_cpu_seconds(of(arm, evaluation));
}

std::vector<std::string> StudyFindings::cpus() const {
  std::set<std::string> names;
  for (const ResultLine& line : lines_) names.insert(line.outcome.cpu);
  return {names.begin(), names.end()};
}

Verdict verdict_on(const StudyClaim& claim, const StudyFindings& findings) {
  const std::optional<MeanInterval> found =
      findings.difference(claim.better, claim.worse, claim.evaluation);
  if (!found || !std::isfinite(found->half)) return {"cannot be told yet", found};
  if (claim.within > 0) {
    const bool inside = found->low() >= -claim.within && found->high() <= claim.within;
    const bool outside = found->low() > claim.within || found->high() < -claim.within;
    return {inside ? "holds" : outside ? "does not hold" : "cannot be told at this size", found};
  }
  const bool is_better = found->low() > 0;
  const bool is_worse = found->high() < 0;
  return {is_better ? "holds" : is_worse ? "does not hold" : "cannot be told at this size", found};
}

}  // namespace convmae
