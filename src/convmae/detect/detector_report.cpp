#include "convmae/detect/detector_report.h"

#include "convmae/report/format.h"
#include "convmae/train/run/run_charts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace convmae {
namespace {

/// What a part of the loss is called on the page.
std::string title_of(const std::string& part) {
  if (part == "loss_rpn_cls") return "proposals: object or not";
  if (part == "loss_rpn_loc") return "proposals: place";
  if (part == "loss_cls") return "boxes: class";
  if (part == "loss_box_reg") return "boxes: place";
  return part == "loss_mask" ? "masks" : part;
}

Chart loss_chart(const RunLog& log) {
  Chart chart;
  chart.title = "Loss";
  chart.note = "The sum of its parts.";
  chart.x_label = "epoch";
  chart.wide = true;
  chart.series = training_loss_series(log);
  return chart;
}

/// The parts of the loss, each a smooth line.
Chart parts_chart(const RunLog& log) {
  constexpr std::size_t kPointsPerCurve = 100;
  Chart chart;
  chart.title = "Loss by part";
  chart.x_label = "epoch";
  chart.wide = true;
  for (const StepRecord& step : log.steps()) {
    if (step.skipped) continue;
    for (std::size_t i = 0; i < step.parts.size(); ++i) {
      if (chart.series.size() <= i) {
        chart.series.push_back(
            {.name = title_of(step.parts[i].first), .colour = static_cast<int>(i)});
      }
      chart.series[i].x.push_back(step.epoch);
      chart.series[i].y.push_back(step.parts[i].second);
    }
  }
  for (Series& series : chart.series) {
    Series smoothed = smooth(series, std::max<std::size_t>(1, series.x.size() / kPointsPerCurve));
    smoothed.name = series.name;
    smoothed.colour = series.colour;
    std::swap(series, smoothed);
  }
  return chart;
}

/// Boxes or masks, if the log has them: AP and AP50, and a figure at the head of the page.
void add_precision(const RunLog& log, const std::string& what, const std::string& title,
                   ReportData& data, Section& section) {
  const Series ap = accuracy_series(log, "AP", (what + "_ap").c_str(), 0);
  if (ap.y.empty()) return;
  data.tiles.push_back({title + " AP", format_share(ap.y.back()),
                        "best " + format_share(*std::ranges::max_element(ap.y))});
  Chart chart;
  chart.title = title + " on held-out images";
  chart.note =
      "COCO's average precision: over overlaps from 0.5 to 0.95, and at 0.5, 0.75 alone; AR is the "
      "recall with 100 detections an image.";
  chart.x_label = "epoch";
  chart.percent = true;
  chart.from_zero = true;
  chart.y_scale = AxisScale::linear;
  chart.series = {ap, accuracy_series(log, "AP50", (what + "_ap50").c_str(), 1),
                  accuracy_series(log, "AP75", (what + "_ap75").c_str(), 2),
                  accuracy_series(log, "AR", (what + "_ar100").c_str(), 3)};
  section.charts.push_back(std::move(chart));
}

}  // namespace

void write_detector_report(const RunPaths& paths, const RunLog& log, const RunFacts& facts) {
  ReportData data = begin_report(paths, log, facts);

  Section training{.title = "Training"};
  add_precision(log, "box", "Boxes", data, training);
  add_precision(log, "mask", "Masks", data, training);
  training.charts.push_back(loss_chart(log));
  training.charts.push_back(parts_chart(log));
  for (Chart& chart : machinery_charts(log)) training.charts.push_back(std::move(chart));

  data.sections = {std::move(training), section_of_run(facts)};
  write_report(paths.report(), data);
}

}  // namespace convmae
