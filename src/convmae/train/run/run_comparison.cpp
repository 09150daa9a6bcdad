#include "convmae/train/run/run_comparison.h"

#include "convmae/base/error.h"
#include "convmae/report/format.h"
#include "convmae/report/report.h"
#include "convmae/train/run/environment.h"
#include "convmae/train/run/run_charts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>

namespace convmae {
namespace {

constexpr std::size_t kColours = 6;
constexpr double kMinute = 60;

/// A score of held-out images in a log.
struct LoggedScores {
  const char* title;  ///< of its chart
  const char* name;   ///< in the table
  const char* key;
  const char* part;  ///< of the header, which has it before the first step
  const char* start_key;
  double share;  ///< what makes a share of 1 of it
};

/// What runs of a kind are called, and their scores.
struct RunKind {
  const char* title;
  std::vector<LoggedScores> scores;
};

const std::array<RunKind, 4>& run_kinds() {
  constexpr double kPercent = 0.01;
  static const std::array<RunKind, 4> kinds{
      RunKind{
          "Classification",
          {{"Accuracy on held-out images", "top-1", "test_acc1", "val", "test_acc1", kPercent}}},
      RunKind{"Detection",
              {{"Box AP on held-out images", "box AP", "box_AP", "val", "box_AP", kPercent},
               {"Mask AP on held-out images", "mask AP", "mask_AP", "val", "mask_AP", kPercent}}},
      RunKind{"Segmentation",
              {{"Mean IoU on held-out images", "mIoU", "test_miou", "val", "test_miou", kPercent}}},
      RunKind{"Pretraining",
              {{"Nearest neighbours", "nearest neighbours", "knn_top1", "probe",
                "knn_top1_at_start", 1}}},
  };
  return kinds;
}

bool classifies(const RunHistory& run) { return run.header().contains("classes"); }

const RunKind& kind_of(const RunHistory& run) {
  const std::string command = run.header().value("command", std::string());
  const auto has = [&command](std::string_view words) {
    return command.find(words) != std::string::npos;
  };
  if (!classifies(run)) return run_kinds()[3];
  return run_kinds()[has(" detect train ") ? 1 : has(" segment train ") ? 2 : 0];
}

Series score_series(const RunHistory& run, const LoggedScores& score) {
  Series series =
      measured_series(run, "", score.key, 0, header_value(run, score.part, score.start_key));
  for (double& value : series.y) value *= score.share;
  return series;
}

Series held_out_loss(const RunHistory& run) {
  const bool labels = classifies(run);
  return measured_series(run, "", labels ? "test_loss" : "val_loss", 0,
                         header_value(run, "val", labels ? "test_loss" : "untrained_loss"));
}

Series training_loss(const RunHistory& run) { return training_loss_series(run).back(); }

/// Along what curves are drawn.
enum class Along { epochs, images, cpu_time };

/// CPU minutes after so many epochs: between the lines that say it, evenly. NaN where none does.
double cpu_minutes_after(const RunHistory& run, double epochs) {
  double before_epochs = 0;
  double before = 0;
  for (const auto& line : run.epochs()) {
    const double seconds = value_of(line, "cpu_seconds");
    const double at = value_of(line, "epochs_done");
    if (!std::isfinite(seconds) || at <= before_epochs) continue;
    if (epochs <= at) {
      return std::lerp(before, seconds, (epochs - before_epochs) / (at - before_epochs)) / kMinute;
    }
    before_epochs = at;
    before = seconds;
  }
  return epochs <= before_epochs ? before / kMinute : std::nan("");
}

/// `series`, which is by epochs, along something else; empty if the run does not say what.
Series placed(Series series, const RunHistory& run, Along along) {
  if (along == Along::epochs) return series;
  const double images = value_of(run.header(), "images");
  for (double& place : series.x) {
    place = along == Along::images ? place * images : cpu_minutes_after(run, place);
  }
  const bool known = std::ranges::all_of(series.x, [](double x) { return std::isfinite(x); });
  return known ? series : Series();
}

const char* label_of(Along along) {
  if (along == Along::epochs) return "epoch";
  return along == Along::images ? "images" : "CPU minutes";
}

using Runs = std::vector<const ComparedRun*>;
using Curve = std::function<Series(const RunHistory&)>;

/// One curve of every run that has it, runs in their order.
Chart chart_of(std::string title, const Runs& runs, const Curve& curve, Along along) {
  Chart chart;
  chart.title = std::move(title);
  chart.x_label = label_of(along);
  chart.wide = true;
  for (const ComparedRun* run : runs) {
    Series series = placed(curve(run->history), run->history, along);
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

/// The same along epochs, images and CPU time.
void add_charts(std::vector<Chart>& charts, const std::string& title, const Runs& runs,
                const Curve& curve, bool shares) {
  for (const Along along : {Along::epochs, Along::images, Along::cpu_time}) {
    Chart chart = chart_of(title, runs, curve, along);
    if (chart.series.empty()) continue;
    if (shares) {
      chart.percent = true;
      chart.from_zero = true;
      chart.y_scale = AxisScale::linear;
    }
    charts.push_back(std::move(chart));
  }
}

Section section_of(const RunKind& kind, const Runs& runs) {
  Section section{.title = kind.title};
  for (const LoggedScores& score : kind.scores) {
    const auto curve = [&score](const RunHistory& run) { return score_series(run, score); };
    add_charts(section.charts, score.title, runs, curve, /*shares=*/true);
  }
  add_charts(section.charts, "Held-out loss", runs, held_out_loss, /*shares=*/false);
  add_charts(section.charts, "Training loss", runs, training_loss, /*shares=*/false);
  return section;
}

std::string last_of(const Series& series, std::string (*format)(double)) {
  return series.y.empty() ? "" : format(series.y.back());
}

/// The last of each score of a run: "82.1 % top-1".
std::string scores_of(const RunHistory& run) {
  std::string text;
  for (const LoggedScores& score : kind_of(run).scores) {
    const Series series = score_series(run, score);
    if (series.y.empty()) continue;
    if (!text.empty()) text += ", ";
    text.append(format_fixed(100 * series.y.back(), 1)).append(" % ").append(score.name);
  }
  return text;
}

Table ends(const std::vector<ComparedRun>& runs) {
  Table table{.title = "Where they ended",
              .header = {"run", "epochs", "images", "CPU minutes", "training loss", "held-out loss",
                         "held-out images"},
              .rows = {}};
  const auto number = [](double value) { return format_number(value); };
  for (const auto& [name, run] : runs) {
    const double last = last_value(run, "epochs_done");
    const double epochs = std::isfinite(last) ? last : 0;
    const double images = epochs * value_of(run.header(), "images");
    const double minutes = cpu_minutes_after(run, epochs);
    table.rows.push_back(
        {name, format_number(epochs), std::isfinite(images) ? format_count(images) : "",
         std::isfinite(minutes) ? format_fixed(minutes, 1) : "",
         last_of(training_loss(run), number), last_of(held_out_loss(run), number), scores_of(run)});
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
  ReportData data;
  data.title = title;
  data.subtitle = std::to_string(runs.size()) + " runs";
  data.footer = "convmae " + program_version();
  data.status = RunStatus::finished;
  for (const RunKind& kind : run_kinds()) {
    Runs alike;
    for (const ComparedRun& run : runs) {
      if (&kind_of(run.history) == &kind) alike.push_back(&run);
    }
    Section section = section_of(kind, alike);
    if (!section.charts.empty()) data.sections.push_back(std::move(section));
  }
  Section all{.title = "The runs"};
  all.tables = {ends(runs), commands(runs)};
  data.sections.push_back(std::move(all));
  write_report(page, data);
}

}  // namespace convmae
