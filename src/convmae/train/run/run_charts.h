#pragma once

#include "convmae/report/report.h"
#include "convmae/train/run/run_context.h"
#include "convmae/train/run/run_history.h"

#include <optional>
#include <string>
#include <vector>

/// What the reports of all kinds of runs draw from their logs.
namespace convmae {

/// A number of a line of the log, NaN where it has none.
double value_of(const nlohmann::ordered_json& epoch, const char* key);
/// The last number that is there, or NaN.
double last_value(const RunHistory& log, const char* key);

/// A value of each line of the log that has it, placed where it was found.
Series epoch_series(const RunHistory& log, std::string name, const char* key, int colour);
/// The same, and in front what was measured before the first step, if it was.
Series measured_series(const RunHistory& log, std::string name, const char* key, int colour,
                       std::optional<double> at_start);
/// What the header says of the time before the first step: a number of one of its parts.
std::optional<double> header_value(const RunHistory& log, const char* part, const char* key);
/// A percentage of a classifier's held-out images, as shares.
Series accuracy_series(const RunHistory& log, std::string name, const char* key, int colour);
Series step_series(const RunHistory& log, std::string name, double StepRecord::*value);
/// The loss of each step, and a smooth line through it.
std::vector<Series> training_loss_series(const RunHistory& log);

/// One series from zero.
Chart plain_chart(std::string title, Series series, bool percent);
/// Learning rate, gradient norm, throughput, and the time that is spent waiting for data.
std::vector<Chart> machinery_charts(const RunHistory& log);

/// Epochs, or steps where the run's length is in `steps`; training loss, speed.
std::vector<Tile> training_tiles(const RunHistory& log, std::int64_t epochs,
                                 std::optional<std::int64_t> steps);

Table table_of(std::string title, const NamedValues& values);

}  // namespace convmae
