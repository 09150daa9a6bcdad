#include "convmae/study/study_page.h"

#include "convmae/report/format.h"
#include "convmae/report/report.h"
#include "convmae/study/study_tables.h"

#include <cmath>
#include <cstddef>

namespace convmae {
namespace {

constexpr std::size_t kColours = 6;
constexpr double kMinute = 60;

enum class Across { epochs, cpu_time };

/// Where the points of a curve stand: an arm's CPU time grows evenly with its epochs.
std::vector<double> places(const MeanCurve& curve, double cpu_seconds, Across across) {
  std::vector<double> places = curve.epochs;
  if (across == Across::cpu_time) {
    for (double& place : places) place *= cpu_seconds / curve.epochs.back() / kMinute;
  }
  return places;
}

/// The first six arms that have a curve; empty if none has.
Chart curves_of(const Study& study, const StudyFindings& findings, const std::string& evaluation,
                Across across) {
  Chart chart;
  const bool pretraining = evaluation == kPretraining;
  chart.title = pretraining ? "Nearest neighbours while pretraining" : evaluation;
  chart.x_label = across == Across::epochs ? "epoch" : "CPU minutes";
  chart.percent = true;
  chart.wide = true;
  chart.y_scale = AxisScale::linear;
  for (const StudyArm& arm : study.arms) {
    const MeanCurve curve = findings.curve(arm.name, evaluation);
    const double cpu_seconds = pretraining ? findings.pretraining_cpu_seconds(arm.name)
                                           : findings.evaluation_cpu_seconds(arm.name, evaluation);
    if (curve.epochs.size() < 2 || !std::isfinite(cpu_seconds)) continue;
    if (chart.series.size() == kColours) {
      chart.note = "The first " + std::to_string(kColours) + " arms.";
      break;
    }
    Series series;
    series.name = arm.label;
    series.mark = Mark::dots;
    series.colour = static_cast<int>(chart.series.size());
    series.x = places(curve, cpu_seconds, across);
    for (const double value : curve.values) series.y.push_back(value / 100);
    series.figure = format_fixed(curve.values.back(), 1) + " %";
    chart.series.push_back(std::move(series));
  }
  return chart;
}

Section section_of(const Study& study, const StudyFindings& findings) {
  Section section{.title = study.title, .note = study.note};
  std::vector<std::string> evaluations{kPretraining};
  for (const StudyEvaluation& evaluation : study.evaluations) {
    evaluations.push_back(evaluation.name);
  }
  for (const std::string& evaluation : evaluations) {
    for (const Across across : {Across::epochs, Across::cpu_time}) {
      Chart chart = curves_of(study, findings, evaluation, across);
      if (!chart.series.empty()) section.charts.push_back(std::move(chart));
    }
  }
  section.tables.push_back(score_table(study, findings));
  if (!study.claims.empty()) section.tables.push_back(claim_table(study, findings));
  return section;
}

}  // namespace

void write_study_page(const std::filesystem::path& page, const std::vector<Study>& studies,
                      const std::vector<StudyFindings>& findings, const std::string& footer) {
  ReportData data;
  std::size_t lines = 0;
  std::size_t planned = 0;
  for (std::size_t i = 0; i < studies.size(); ++i) {
    data.sections.push_back(section_of(studies[i], findings[i]));
    lines += findings[i].line_count();
    planned += findings[i].planned();
  }
  data.title = studies.size() == 1 ? studies.front().title : "Studies";
  data.subtitle = std::to_string(lines) + " of " + std::to_string(planned) + " results";
  data.footer = footer;
  data.status = lines == planned ? RunStatus::finished : RunStatus::running;
  write_report(page, data);
}

}  // namespace convmae
