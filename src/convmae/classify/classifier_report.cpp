#include "convmae/classify/classifier_report.h"

#include "convmae/report/format.h"
#include "convmae/train/run/run_charts.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace convmae {
namespace {

double best_of(const Series& series) {
  double best = 0;
  for (const double value : series.y) best = std::max(best, value);
  return best;
}

Chart loss_chart(const RunLog& log) {
  Chart chart;
  chart.title = "Loss";
  chart.note =
      "Cross entropy. In training against mixed and smoothed targets, where that was asked for, so "
      "it does not go down to zero; on held-out images against their classes.";
  chart.x_label = "epoch";
  chart.wide = true;
  chart.series = training_loss_series(log);
  chart.series.push_back(epoch_series(log, "held-out images", "test_loss", 1));
  return chart;
}

}  // namespace

void write_classifier_report(const RunPaths& paths, const RunLog& log, const RunFacts& facts,
                             std::int64_t classes) {
  ReportData data = begin_report(paths, log, facts);

  Section training{.title = "Training"};
  const Series top1 = accuracy_series(log, "top-1", "test_acc1", 0);
  if (!top1.y.empty()) {
    data.tiles.push_back({"top-1, held-out images", format_share(top1.y.back()),
                          "best " + format_share(best_of(top1)) + ", chance " +
                              format_share(1 / static_cast<double>(classes))});
    Chart accuracy;
    accuracy.title = "Accuracy on held-out images";
    accuracy.x_label = "epoch";
    accuracy.wide = true;
    accuracy.percent = true;
    accuracy.from_zero = true;
    accuracy.y_scale = AxisScale::linear;
    accuracy.series = {top1};
    if (classes > 5) {
      accuracy.series.push_back(accuracy_series(log, "top-5", "test_acc5", 1));
    }
    accuracy.baselines = {{"chance", 1 / static_cast<double>(classes)}};
    training.charts.push_back(std::move(accuracy));
  }
  training.charts.push_back(loss_chart(log));
  for (Chart& chart : machinery_charts(log)) training.charts.push_back(std::move(chart));

  data.sections = {std::move(training), section_of_run(facts)};
  write_report(paths.report(), data);
}

}  // namespace convmae
