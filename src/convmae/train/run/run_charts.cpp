#include "convmae/train/run/run_charts.h"

#include "convmae/report/format.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace convmae {

double value_of(const nlohmann::ordered_json& epoch, const char* key) {
  const auto found = epoch.find(key);
  return found != epoch.end() && found->is_number() ? found->get<double>()
                                                    : std::numeric_limits<double>::quiet_NaN();
}

Series epoch_series(const RunHistory& log, std::string name, const char* key, int colour) {
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

Series measured_series(const RunHistory& log, std::string name, const char* key, int colour,
                       std::optional<double> at_start) {
  Series series = epoch_series(log, std::move(name), key, colour);
  if (at_start) {
    series.x.insert(series.x.begin(), 0);
    series.y.insert(series.y.begin(), *at_start);
  }
  return series;
}

std::optional<double> header_value(const RunHistory& log, const char* part, const char* key) {
  const auto found = log.header().find(part);
  if (found == log.header().end() || !found->contains(key)) return std::nullopt;
  return value_of(*found, key);
}

Series accuracy_series(const RunHistory& log, std::string name, const char* key, int colour) {
  Series series = measured_series(log, std::move(name), key, colour, header_value(log, "val", key));
  for (double& share : series.y) share /= 100;
  return series;
}

Series step_series(const RunHistory& log, std::string name, double StepRecord::*value) {
  Series series;
  series.name = std::move(name);
  for (const StepRecord& step : log.steps()) {
    series.x.push_back(step.epoch);
    series.y.push_back(step.*value);
  }
  return series;
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
double last_value(const RunHistory& log, const char* key) {
  double last = std::numeric_limits<double>::quiet_NaN();
  for (const auto& epoch : log.epochs()) {
    const double value = value_of(epoch, key);
    if (value == value) last = value;
  }
  return last;
}

Table table_of(std::string title, const NamedValues& values) {
  Table table;
  table.title = std::move(title);
  for (const auto& [name, value] : values) table.rows.push_back({name, value});
  return table;
}

std::vector<Series> training_loss_series(const RunHistory& log) {
  constexpr std::size_t kPointsPerCurve = 200;
  Series raw = step_series(log, "training, each step", &StepRecord::loss);
  Series smoothed = smooth(raw, std::max<std::size_t>(1, raw.x.size() / kPointsPerCurve));
  smoothed.name = "training";
  raw.mark = Mark::faint;
  return {std::move(raw), std::move(smoothed)};
}

std::vector<Tile> training_tiles(const RunHistory& log, std::int64_t epochs,
                                 std::optional<std::int64_t> steps) {
  std::vector<Tile> tiles;
  const double done = log.epochs().empty() ? 0 : value_of(log.epochs().back(), "epochs_done");
  if (steps) {
    const std::int64_t step = log.steps().empty() ? 0 : log.steps().back().step;
    tiles.push_back({"steps", std::to_string(step),
                     "of " + std::to_string(*steps) + ", " + format_number(done) + " epochs"});
  } else {
    tiles.push_back({"epochs", format_number(done), "of " + std::to_string(epochs)});
  }
  if (!log.epochs().empty()) {
    const bool whole = !log.epochs().back().contains("incomplete");
    tiles.push_back({"training loss", format_number(last_value(log, "train_loss")),
                     whole ? "mean of the last epoch" : "mean of the epoch so far"});
    tiles.push_back(
        {"images per second", format_number(last_value(log, "images_per_second"), 3),
         format_share(last_value(log, "data_share")) + " of the time waiting for data"});
  }
  return tiles;
}

std::vector<Chart> machinery_charts(const RunHistory& log) {
  return {plain_chart("Learning rate", step_series(log, "learning rate", &StepRecord::lr), false),
          plain_chart("Gradient norm", step_series(log, "before clipping", &StepRecord::grad_norm),
                      false),
          plain_chart("Throughput", epoch_series(log, "images per second", "images_per_second", 0),
                      false),
          plain_chart("Waiting for data", epoch_series(log, "share of the time", "data_share", 0),
                      true)};
}

}  // namespace convmae
