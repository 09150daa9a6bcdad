#pragma once

#include "convmae/data/sources/source.h"
#include "convmae/train/evaluation/features.h"
#include "convmae/train/pretrain_options.h"

#include <cstdint>
#include <functional>
#include <memory>

namespace convmae {

/// Shows while a model is pretrained how well its features tell classes apart, which the loss does
/// not say: images of a labelled set, each classified by its nearest neighbours among the others.
/// Labels are used for nothing else.
class KnnProbe {
 public:
  static constexpr std::int64_t kNeighbours = 20;
  static constexpr double kTemperature = 0.07;

  /// Opens the images that the options name. Throws UserError if they have no classes.
  explicit KnnProbe(const PretrainOptions& options);

  std::int64_t images() const { return source_->size(); }
  std::int64_t classes() const { return std::ssize(source_->classes()); }
  /// The share of the images that is classified rightly. `progress` hears how many are done.
  double top1(const std::shared_ptr<PretrainModel>& model,
              std::function<void(std::int64_t)> progress) const;

 private:
  std::shared_ptr<const ImageSource> source_;
  Preprocessing preprocessing_;
  FeatureReading reading_;
};

}  // namespace convmae
