#pragma once

#include "convmae/data/labels/label_scheme.h"
#include "convmae/segment/mean_iou_observer.h"
#include "convmae/segment/segmentation_gallery.h"
#include "convmae/train/run/run_context.h"
#include "convmae/train/run/run_log.h"

#include <cstdint>
#include <optional>
#include <string>

namespace convmae {

/// What the report of a run that trains a segmentor says beside its log.
struct SegmentorReportContext {
  std::string title;
  RunStatus status = RunStatus::running;
  std::string note{};  ///< how it ended, or empty
  NamedValues settings;
  std::string command;
  std::string data;
  NamedValues machine;  ///< what computes, and how
  std::int64_t epochs = 0;
  std::optional<std::int64_t> steps;  ///< if its length is given in them
  const LabelScheme& scheme;
  const MeanIouObserver::Findings* findings = nullptr;  ///< null before the first evaluation
};

/// Writes `report.html` from the log.
void write_segmentor_report(const RunPaths& paths, const RunLog& log,
                            const SegmentorReportContext& context);

/// The report of an evaluation alone, with pictures of `gallery`. `subtitle` says of what and on
/// what.
ReportData evaluation_report(const SegmentationMetrics& metrics, const LabelScheme& scheme,
                             const SegmentationGallery& gallery, const DecodeOptions& decode,
                             const std::string& subtitle);

}  // namespace convmae
