#include "convmae/pretrain/pretrain_report.h"

#include "convmae/report/format.h"
#include "convmae/train/run/run_charts.h"
#include "convmae/train/run/run_pictures.h"

#include <utility>

namespace convmae {
namespace {

const char* baseline_name(bool normalised_targets) {
  return normalised_targets ? "each block's own mean" : "mean of the visible pixels";
}

Chart loss_chart(const RunLog& log, const PretrainReportContext& context) {
  Chart chart;
  chart.title = "Loss";
  chart.note = context.normalised_targets
                   ? "Mean squared error on removed blocks, each normalised by its own mean and "
                     "deviation."
                   : "Mean squared error on the removed pixels, after normalisation by mean and "
                     "deviation of the channels.";
  chart.x_label = "epoch";
  chart.wide = true;
  chart.series = training_loss_series(log);
  if (context.untrained) {
    chart.series.push_back(
        measured_series(log, "held-out images", "val_loss", 1, context.untrained->loss));
    chart.baselines = {{baseline_name(context.normalised_targets), context.untrained->baseline}};
  }
  return chart;
}

Chart probe_chart(const RunLog& log, const ProbeContext& probe) {
  Chart chart = plain_chart(
      "Nearest neighbours",
      measured_series(log, "rightly classified", "knn_top1", 1, probe.first_top1), true);
  chart.note = "Share of " + std::to_string(probe.images) + " labelled images, in " +
               std::to_string(probe.classes) +
               " classes, that their 20 nearest neighbours among the others classify rightly, by "
               "the features of the encoder. Nothing learns from the labels.";
  chart.baselines = {{"chance", 1 / static_cast<double>(probe.classes)}};
  return chart;
}

void add_tiles(const RunLog& log, const PretrainReportContext& context, std::vector<Tile>& tiles) {
  if (context.untrained) {
    const Evaluation& before = *context.untrained;
    tiles.push_back({"held-out loss", format_number(last_value(log, "val_loss")),
                     "untrained " + format_number(before.loss) + ", " +
                         baseline_name(context.normalised_targets) + " " +
                         format_number(before.baseline)});
  }
  if (context.probe) {
    const double last = last_value(log, "knn_top1");
    tiles.push_back({"nearest neighbours", last == last ? format_share(last) : "",
                     "at the start " + format_share(context.probe->first_top1)});
  }
}

}  // namespace

void write_pretrain_report(const RunPaths& paths, const RunLog& log,
                           const PretrainReportContext& context) {
  ReportData data = begin_report(paths, log, context.facts);
  add_tiles(log, context, data.tiles);

  Section training{.title = "Training", .note = "", .charts = {}, .figures = {}, .tables = {}};
  training.charts.push_back(loss_chart(log, context));
  if (context.probe) training.charts.push_back(probe_chart(log, *context.probe));
  for (Chart& chart : machinery_charts(log)) training.charts.push_back(std::move(chart));

  Section pictures{.title = "What the model fills in",
                   .note =
                       "Original, what the encoder sees, prediction, prediction with the "
                       "visible pixels pasted.",
                   .charts = {},
                   .figures = kept_pictures(paths),
                   .tables = {}};
  if (context.normalised_targets) {
    pictures.note +=
        " The model predicts normalised blocks; their brightness and contrast are taken from the "
        "original, which alone already draws a mosaic of it.";
  }

  data.sections = {std::move(training), std::move(pictures), section_of_run(context.facts)};
  write_report(paths.report(), data);
}

}  // namespace convmae
