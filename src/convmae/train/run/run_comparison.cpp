#include "convmae/train/run/run_comparison.h"

#include "convmae/base/error.h"
#include "convmae/report/format.h"
#include "convmae/report/report.h"
#include "convmae/train/run/environment.h"
#include "convmae/train/run/run_charts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <utility>

namespace convmae {
namespace {

constexpr std::size_t kColours = 6;

bool classifies(const RunHistory& run) { return run.header().contains("classes"); }

Series accuracy(const RunHistory& run) { return accuracy_series(run, "", "test_acc1", 0); }

Series neighbours(const RunHistory& run) {
  return measured_series(run, "", "knn_top1", 0, header_value(run, "probe", "knn_top1_at_start"));
}

Series held_out_loss(const RunHistory& run) {
  const bool labels = classifies(run);
  return measured_series(run, "", labels ? "test_loss" : "val_loss", 0,
                         header_value(run, "val", labels ? "test_loss" : "untrained_loss"));
}

Series training_loss(const RunHistory& run) { return training_loss_series(run).back(); }

/// One curve of every run that has it, runs in their order.
Chart chart_of(std::string title, const std::vector<const ComparedRun*>& runs,
               const std::function<Series(const RunHistory&)>& curve) {
  Chart chart;
  chart.title = std::move(title);
  chart.x_label = "epoch";
  chart.wide = true;
  for (const ComparedRun* run : runs) {
    Series series = curve(run->history);
    if (series.x.empty()) continue;
    if (chart.series.size() == kColours) {
      throw UserError("a chart can tell " + std::to_string(kColours) +
                      " runs of a kind apart: compare fewer");
    }
    series.name = run->name;
    series.colour = static_cast<int>(chart.series.size());
    chart.series.push_back(std::move(series));
  }
  return chart;
}

Chart share_chart(std::string title, const std::vector<const ComparedRun*>& runs,
                  const std::function<Series(const RunHistory&)>& curve) {
  Chart chart = chart_of(std::move(title), runs, curve);
  chart.percent = true;
  chart.from_zero = true;
  chart.y_scale = AxisScale::linear;
  return chart;
}

void add_unless_empty(std::vector<Chart>& charts, Chart chart) {
  if (!chart.series.empty()) charts.push_back(std::move(chart));
}

std::string last_of(const Series& series, std::string (*format)(double)) {
  return series.y.empty() ? "" : format(series.y.back());
}

Table ends(const std::vector<ComparedRun>& runs) {
  Table table{.title = "Where they ended",
              .header = {"run", "epochs", "training loss", "held-out loss",
                         "top-1, held-out images", "nearest neighbours"},
              .rows = {}};
  const auto number = [](double value) { return format_number(value); };
  const auto share = [](double value) { return format_fixed(100 * value, 1) + " %"; };
  for (const auto& [name, run] : runs) {
    const double epochs = last_value(run, "epochs_done");
    table.rows.push_back({name, std::isfinite(epochs) ? format_number(epochs) : "0",
                          last_of(training_loss(run), number), last_of(held_out_loss(run), number),
                          last_of(accuracy(run), share), last_of(neighbours(run), share)});
  }
  return table;
}

Table commands(const std::vector<ComparedRun>& runs) {
  NamedValues values;
  for (const auto& [name, run] : runs) {
    values.emplace_back(name, run.header().value("command", std::string()));
  }
  return table_of("Commands", values);
}

}  // namespace

void write_comparison(const std::filesystem::path& page, const std::string& title,
                      const std::vector<ComparedRun>& runs) {
  std::vector<const ComparedRun*> pretraining;
  std::vector<const ComparedRun*> classification;
  for (const ComparedRun& run : runs) {
    (classifies(run.history) ? classification : pretraining).push_back(&run);
  }
  Section classes{.title = "Classification"};
  add_unless_empty(classes.charts,
                   share_chart("Accuracy on held-out images", classification, accuracy));
  add_unless_empty(classes.charts, chart_of("Held-out loss", classification, held_out_loss));
  add_unless_empty(classes.charts, chart_of("Training loss", classification, training_loss));
  Section masks{.title = "Pretraining"};
  add_unless_empty(masks.charts, share_chart("Nearest neighbours", pretraining, neighbours));
  add_unless_empty(masks.charts, chart_of("Held-out loss", pretraining, held_out_loss));
  add_unless_empty(masks.charts, chart_of("Training loss", pretraining, training_loss));
  Section all{.title = "The runs"};
  all.tables = {ends(runs), commands(runs)};

  ReportData data;
  data.title = title;
  data.subtitle = std::to_string(runs.size()) + " runs";
  data.footer = "convmae " + program_version();
  data.status = RunStatus::finished;
  for (Section* section : {&classes, &masks}) {
    if (!section->charts.empty()) data.sections.push_back(std::move(*section));
  }
  data.sections.push_back(std::move(all));
  write_report(page, data);
}

}  // namespace convmae
