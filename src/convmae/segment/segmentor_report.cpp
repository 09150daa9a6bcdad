#include "convmae/segment/segmentor_report.h"

#include "convmae/report/canvas.h"
#include "convmae/report/format.h"
#include "convmae/report/png.h"
#include "convmae/segment/segmentation_files.h"
#include "convmae/segment/segmentation_pictures.h"
#include "convmae/train/run/environment.h"
#include "convmae/train/run/run_charts.h"
#include "convmae/train/run/run_pictures.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace convmae {
namespace {

constexpr const char* kPictureNote =
    "The image, its labels laid over it, and what the segmentor makes of it. Pixels that count for "
    "nothing are uncovered in the labels.";

Chart share_chart(const RunLog& log) {
  Chart chart;
  chart.title = "Held-out images";
  chart.note =
      "Means over the classes of intersection over union and of accuracy, and the share "
      "of all pixels that are right.";
  chart.x_label = "epoch";
  chart.wide = true;
  chart.percent = true;
  chart.from_zero = true;
  chart.y_scale = AxisScale::linear;
  chart.series = {accuracy_series(log, "mIoU", "test_miou", 0),
                  accuracy_series(log, "mAcc", "test_macc", 1),
                  accuracy_series(log, "aAcc", "test_aacc", 2)};
  return chart;
}

Chart segmentation_loss_chart(const RunLog& log) {
  Chart chart;
  chart.title = "Loss";
  chart.note = "Cross entropy of pixels, that of the auxiliary head included.";
  chart.x_label = "epoch";
  chart.wide = true;
  chart.series = training_loss_series(log);
  return chart;
}

Section section_of_figures(std::string title, std::vector<Figure> figures) {
  return {.title = std::move(title), .note = kPictureNote, .figures = std::move(figures)};
}

/// Which colour is which class, where the build can draw it.
void add_legend(const LabelScheme& scheme, std::vector<Section>& sections) {
  if (!why_nothing_is_drawn().empty()) return;
  std::vector<std::int64_t> classes(static_cast<std::size_t>(scheme.num_classes()));
  std::iota(classes.begin(), classes.end(), 0);
  MissingFonts missing;
  Section section{.title = "Colours"};
  section.figures.push_back(
      {.label = "", .caption = "", .png = encode_png(legend(scheme, classes, missing))});
  sections.push_back(std::move(section));
}

}  // namespace

void write_segmentor_report(const RunPaths& paths, const RunLog& log, const RunFacts& facts,
                            const LabelScheme& scheme, const MeanIouObserver::Findings* findings) {
  ReportData data = begin_report(paths, log, facts);

  Section training{.title = "Training"};
  Chart shares = share_chart(log);
  const std::vector<double>& found = shares.series.front().y;
  if (!found.empty()) {
    data.tiles.push_back({"mIoU, held-out images", format_share(found.back()),
                          "best " + format_share(*std::ranges::max_element(found))});
    training.charts.push_back(std::move(shares));
  }
  training.charts.push_back(segmentation_loss_chart(log));
  for (Chart& chart : machinery_charts(log)) training.charts.push_back(std::move(chart));
  data.sections.push_back(std::move(training));

  std::vector<Figure> pictures = kept_pictures(paths);
  if (!pictures.empty()) {
    data.sections.push_back(section_of_figures("Held-out images", std::move(pictures)));
  }
  if (findings != nullptr) {
    if (!findings->worst.empty()) {
      data.sections.push_back(
          section_of_figures("The worst of the last evaluation", findings->worst));
    }
    Section classes{.title = "The last evaluation"};
    classes.tables.push_back(class_table(findings->metrics, scheme.names()));
    data.sections.push_back(std::move(classes));
  }
  if (!found.empty()) add_legend(scheme, data.sections);

  data.sections.push_back(section_of_run(facts));
  write_report(paths.report(), data);
}

ReportData evaluation_report(const SegmentationMetrics& metrics, const LabelScheme& scheme,
                             const SegmentationGallery& gallery, const DecodeOptions& decode,
                             const std::string& subtitle) {
  ReportData data;
  data.title = "Evaluation of a segmentor";
  data.subtitle = subtitle;
  data.footer = "convmae " + program_version();
  data.status = RunStatus::finished;
  const auto tile = [&](const char* name, double share, const char* detail) {
    data.tiles.push_back({name, share_text(share) + " %", detail});
  };
  tile("mIoU", metrics.mean_iou(), "intersection over union, mean of the classes");
  tile("mAcc", metrics.mean_accuracy(), "accuracy, mean of the classes");
  tile("aAcc", metrics.overall_accuracy(), "of all pixels");
  tile("mDice", metrics.mean_dice(), "Dice, mean of the classes");
  data.sections.push_back(section_of_figures("The worst images", gallery.worst_figures(decode)));
  data.sections.push_back(
      section_of_figures("Images at even distances", gallery.even_figures(decode)));
  add_legend(scheme, data.sections);
  Section classes{.title = "Classes"};
  classes.tables.push_back(class_table(metrics, scheme.names()));
  data.sections.push_back(std::move(classes));
  return data;
}

}  // namespace convmae
