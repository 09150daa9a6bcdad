#include "convmae/segment/mean_iou_observer.h"

#include "convmae/base/stopwatch.h"
#include "convmae/report/format.h"
#include "convmae/segment/segmentation_gallery.h"
#include "convmae/train/run/run_pictures.h"
#include "convmae/train/run/run_setup.h"

#include <cstdint>
#include <utility>

namespace convmae {
namespace {

constexpr std::int64_t kMostWorst = 6;

nlohmann::ordered_json held_out_values(const SegmentationMetrics& metrics) {
  return {{"test_miou", 100 * metrics.mean_iou()},
          {"test_macc", 100 * metrics.mean_accuracy()},
          {"test_aacc", 100 * metrics.overall_accuracy()},
          {"test_mdice", 100 * metrics.mean_dice()}};
}

}  // namespace

MeanIouObserver::MeanIouObserver(Run& run, const SegmentOptions& options, Segmentor& segmentor,
                                 LabelledPairs data, std::string digest)
    : run_(run),
      options_(options),
      segmentor_(segmentor),
      data_(std::move(data)),
      digest_(std::move(digest)) {}

void MeanIouObserver::evaluate(const Moment& now, Scores& scores) {
  if (!now.evaluation_due) return;
  const Stopwatch watch(seconds_);
  SegmentorInput input{.preprocessing = preprocessing_of(options_),
                       .viewing = options_.viewing(),
                       .compute = run_.compute()};
  if (!options_.original_size) input.bounds = options_.test_sizes().bounds;
  const ImageReading reading = run_.reading_of_all(data_.pairs->size(), "held-out images");
  SegmentationGallery gallery(data_, options_.panel_images,
                              options_.panel_images > 0 ? kMostWorst : 0);
  SegmentationMetrics metrics =
      evaluate_segmentor(segmentor_, input, data_, reading,
                         [&gallery](const SegmentedImage& found) { gallery.add(found); });
  gallery.gather(reading);
  const Picture picture = gallery.even_picture(reading.decode);
  if (!picture.rgb.empty()) keep_picture(run_, "segmentations", picture, now.epoch);
  scores.values.update(held_out_values(metrics));
  scores.remarks.push_back("held-out: mIoU " + format_share(metrics.mean_iou()) + "  mAcc " +
                           format_share(metrics.mean_accuracy()) + "  aAcc " +
                           format_share(metrics.overall_accuracy()));
  scores.score = -metrics.mean_iou();
  scores.scored_on = held_out_digest(options_, *data_.pairs, digest_);
  findings_ = Findings{std::move(metrics), gallery.worst_figures(reading.decode)};
}

}  // namespace convmae
