#include "convmae/pretrain/knn_probe.h"

#include "convmae/base/error.h"
#include "convmae/train/batches.h"
#include "convmae/train/opened_images.h"

#include <array>

namespace convmae {

KnnProbe::KnnProbe(const PretrainOptions& options)
    : source_(opened_labelled_images(options.probe_data, Split::val, "--probe_data",
                                     most_left_out(options))),
      preprocessing_(preprocessing_of(options)) {
  if (source_->classes().size() < 2 || source_->size() < 2) {
    throw UserError("--probe_data needs images of at least two classes, found " +
                    source_->description() + ": give a folder with one subfolder a class");
  }
}

KnnProbe::Score KnnProbe::score(const std::shared_ptr<PretrainModel>& model,
                                const ImageReading& reading) const {
  const LabelledFeatures features =
      labelled_features(FeatureModel(model, preprocessing_), source_, reading);
  const std::array<std::int64_t, 1> neighbours{kNeighbours};
  return {features.labels.size(0),
          knn_scores_leaving_one_out(features, neighbours, kTemperature).front().top1};
}

}  // namespace convmae
