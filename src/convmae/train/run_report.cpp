#include "convmae/train/run_report.h"

#include "convmae/report/format.h"
#include "convmae/train/environment.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>

namespace convmae {
namespace {

double value_of(const nlohmann::ordered_json& epoch, const char* key) {
  const auto found = epoch.find(key);
  return found != epoch.end() && found->is_number() ? found->get<double>()
                                                    : std::numeric_limits<double>::quiet_NaN();
}

/// A value of each epoch's line that has it, placed at the epoch's end.
Series epoch_series(const RunLog& log, std::string name, const char* key, int colour) {
  Series series;
  series.name = std::move(name);
  series.mark = Mark::dots;
  series.colour = colour;
  for (const auto& epoch : log.epochs()) {
    if (!epoch.contains(key)) continue;
    series.x.push_back(value_of(epoch, "epochs_done"));
    series.y.push_back(value_of(epoch, key));
  }
  return series;
}

Series step_series(const RunLog& log, std::string name, double StepRecord::*value) {
  Series series;
  series.name = std::move(name);
  for (const StepRecord& step : log.steps()) {
    series.x.push_back(step.epoch);
    series.y.push_back(step.*value);
  }
  return series;
}

const char* baseline_name(bool normalised_targets) {
  return normalised_targets ? "each block's own mean" : "mean of the visible pixels";
}

Chart loss_chart(const RunLog& log, const RunReportContext& context) {
  Chart chart;
  chart.title = "Loss";
  chart.note = context.normalised_targets
                   ? "Mean squared error on removed blocks, each normalised by its own mean and "
                     "deviation."
                   : "Mean squared error on the removed pixels, after normalisation by mean and "
                     "deviation of the channels.";
  chart.x_label = "epoch";
  chart.wide = true;
  constexpr std::size_t kPointsPerCurve = 200;
  Series raw = step_series(log, "training, each step", &StepRecord::loss);
  Series smoothed = smooth(raw, std::max<std::size_t>(1, raw.x.size() / kPointsPerCurve));
  smoothed.name = "training";
  raw.mark = Mark::faint;
  chart.series = {std::move(raw), std::move(smoothed)};
  if (context.untrained) {
    Series held_out = epoch_series(log, "held-out images", "val_loss", 1);
    held_out.x.insert(held_out.x.begin(), 0);
    held_out.y.insert(held_out.y.begin(), context.untrained->loss);
    chart.series.push_back(std::move(held_out));
    chart.baselines = {{baseline_name(context.normalised_targets), context.untrained->baseline}};
  }
  return chart;
}

Chart plain_chart(std::string title, Series series, bool percent) {
  Chart chart;
  chart.title = std::move(title);
  chart.x_label = "epoch";
  chart.series = {std::move(series)};
  chart.y_scale = AxisScale::linear;
  chart.from_zero = true;
  chart.percent = percent;
  return chart;
}

/// The last number that is there, or NaN.
double last_value(const RunLog& log, const char* key) {
  double last = std::numeric_limits<double>::quiet_NaN();
  for (const auto& epoch : log.epochs()) {
    const double value = value_of(epoch, key);
    if (value == value) last = value;
  }
  return last;
}

std::vector<Tile> tiles_of(const RunLog& log, const RunReportContext& context) {
  std::vector<Tile> tiles;
  const double done = log.epochs().empty() ? 0 : value_of(log.epochs().back(), "epochs_done");
  tiles.push_back({"epochs", format_number(done), "of " + std::to_string(context.epochs)});
  if (!log.epochs().empty()) {
    tiles.push_back(
        {"training loss", format_number(last_value(log, "train_loss")), "mean of the last epoch"});
    tiles.push_back(
        {"images per second", format_number(last_value(log, "images_per_second"), 3),
         format_share(last_value(log, "data_share")) + " of the time waiting for data"});
  }
  if (context.untrained) {
    const Evaluation& before = *context.untrained;
    tiles.push_back({"held-out loss", format_number(last_value(log, "val_loss")),
                     "untrained " + format_number(before.loss) + ", " +
                         baseline_name(context.normalised_targets) + " " +
                         format_number(before.baseline)});
  }
  return tiles;
}

/// "epoch-0012.50.png" -> "epoch 12.5".
std::string panel_label(const std::filesystem::path& file) {
  const std::string name = file.stem().string();
  return "epoch " + format_number(std::strtod(name.c_str() + name.find('-') + 1, nullptr));
}

/// The pictures of the run in the order of time; of many, some at even distances and the last.
std::vector<Figure> figures_of(const RunPaths& paths) {
  std::vector<std::filesystem::path> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(paths.panels(), none)) {
    if (entry.path().extension() == ".png") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  constexpr std::size_t kMost = 12;
  std::vector<Figure> figures;
  const std::size_t count = std::min(files.size(), kMost);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t pick = count == 1 ? 0 : i * (files.size() - 1) / (count - 1);
    std::ifstream file(files[pick], std::ios::binary);
    Figure figure;
    figure.label = panel_label(files[pick]);
    figure.png.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    figures.push_back(std::move(figure));
  }
  return figures;
}

Table table_of(std::string title, const NamedValues& values) {
  Table table;
  table.title = std::move(title);
  for (const auto& [name, value] : values) table.rows.push_back({name, value});
  return table;
}

}  // namespace

void write_run_report(const RunPaths& paths, const RunLog& log, const RunReportContext& context) {
  ReportData data;
  data.title = context.title;
  data.subtitle = paths.root.lexically_normal().string();
  data.footer = "convmae " + program_version();
  data.status = context.status;
  data.tiles = tiles_of(log, context);
  if (!context.note.empty()) data.notes.push_back(context.note);

  Section training{.title = "Training", .note = "", .charts = {}, .figures = {}, .tables = {}};
  training.charts.push_back(loss_chart(log, context));
  training.charts.push_back(
      plain_chart("Learning rate", step_series(log, "learning rate", &StepRecord::lr), false));
  training.charts.push_back(plain_chart(
      "Throughput", epoch_series(log, "images per second", "images_per_second", 0), false));
  training.charts.push_back(plain_chart(
      "Waiting for data", epoch_series(log, "share of the time", "data_share", 0), true));

  Section pictures{.title = "What the model fills in",
                   .note =
                       "Original, what the encoder sees, prediction, prediction with the "
                       "visible pixels pasted.",
                   .charts = {},
                   .figures = figures_of(paths),
                   .tables = {}};
  if (context.normalised_targets) {
    pictures.note +=
        " The model predicts normalised blocks; their brightness and contrast are taken from the "
        "original, which alone already draws a mosaic of it.";
  }

  Section run{.title = "The run", .note = "", .charts = {}, .figures = {}, .tables = {}};
  run.tables.push_back(table_of("Configuration", context.settings));
  run.tables.push_back(table_of("Environment", context.environment));

  data.sections = {std::move(training), std::move(pictures), std::move(run)};
  write_report(paths.report(), data);
}

}  // namespace convmae
