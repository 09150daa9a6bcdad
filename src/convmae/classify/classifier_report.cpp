#include "convmae/classify/classifier_report.h"

#include "convmae/report/format.h"
#include "convmae/train/run/environment.h"
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

void write_classifier_report(const RunPaths& paths, const RunLog& log,
                             const ClassifierReportContext& context) {
  ReportData data;
  data.title = context.title;
  data.subtitle = paths.root.lexically_normal().string();
  data.footer = "convmae " + program_version();
  data.status = context.status;
  data.tiles = training_tiles(log, context.epochs, context.steps);
  if (!context.note.empty()) data.notes.push_back(context.note);

  Section training{.title = "Training"};
  const Series top1 = accuracy_series(log, "top-1", "test_acc1", 0);
  if (!top1.y.empty()) {
    data.tiles.push_back({"top-1, held-out images", format_share(top1.y.back()),
                          "best " + format_share(best_of(top1)) + ", chance " +
                              format_share(1 / static_cast<double>(context.classes))});
    Chart accuracy;
    accuracy.title = "Accuracy on held-out images";
    accuracy.x_label = "epoch";
    accuracy.wide = true;
    accuracy.percent = true;
    accuracy.from_zero = true;
    accuracy.y_scale = AxisScale::linear;
    accuracy.series = {top1};
    if (context.classes > 5) {
      accuracy.series.push_back(accuracy_series(log, "top-5", "test_acc5", 1));
    }
    accuracy.baselines = {{"chance", 1 / static_cast<double>(context.classes)}};
    training.charts.push_back(std::move(accuracy));
  }
  training.charts.push_back(loss_chart(log));
  for (Chart& chart : machinery_charts(log)) training.charts.push_back(std::move(chart));

  NamedValues machine = context.machine;
  machine.emplace_back("command", context.command);
  machine.emplace_back("data", context.data);
  Section run{.title = "The run"};
  run.tables.push_back(table_of("Configuration", context.settings));
  run.tables.push_back(table_of("Environment", machine));
  data.sections = {std::move(training), std::move(run)};
  write_report(paths.report(), data);
}

}  // namespace convmae
