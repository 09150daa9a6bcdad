#pragma once

#include "convmae/data/labels/label_scheme.h"
#include "convmae/segment/mean_iou_observer.h"
#include "convmae/segment/segmentation_gallery.h"
#include "convmae/train/run/run_log.h"
#include "convmae/train/run/run_report.h"

#include <string>

namespace convmae {

/// Writes `report.html` of a run that trains a segmentor from the log. `findings` are null before
/// the first evaluation.
void write_segmentor_report(const RunPaths& paths, const RunLog& log, const RunFacts& facts,
                            const LabelScheme& scheme, const MeanIouObserver::Findings* findings);

/// The report of an evaluation alone, with pictures of `gallery`. `subtitle` says of what and on
/// what.
ReportData evaluation_report(const SegmentationMetrics& metrics, const LabelScheme& scheme,
                             const SegmentationGallery& gallery, const DecodeOptions& decode,
                             const std::string& subtitle);

}  // namespace convmae
