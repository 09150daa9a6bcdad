#include "convmae/train/knn_probe.h"

#include "convmae/base/error.h"
#include "convmae/train/evaluation/batches.h"

#include <array>
#include <utility>

namespace convmae {

KnnProbe::KnnProbe(const PretrainOptions& options)
    : source_(open_source(options.probe_data, Split::val)),
      preprocessing_(preprocessing_of(options)),
      reading_{.batch_size = options.batch_size,
               .num_workers = options.num_workers,
               .exif_orientation = options.exif_orientation,
               .progress = {}} {
  if (source_->classes().size() < 2 || source_->size() < 2) {
    throw UserError("--probe_data needs images of at least two classes, found " +
                    source_->description() + ": give a folder with one subfolder a class");
  }
}

double KnnProbe::top1(const std::shared_ptr<PretrainModel>& model,
                      std::function<void(std::int64_t)> progress) const {
  FeatureReading reading = reading_;
  reading.progress = std::move(progress);
  const LabelledFeatures features =
      labelled_features(FeatureModel(model, preprocessing_), source_, reading);
  const std::array<std::int64_t, 1> neighbours{kNeighbours};
  return knn_scores_leaving_one_out(features, neighbours, kTemperature).front().top1;
}

}  // namespace convmae
