#pragma once

#include "convmae/data/sources/source.h"
#include "convmae/features/features.h"
#include "convmae/pretrain/pretrain_options.h"

#include <cstdint>
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

  /// How many images there are to read.
  std::int64_t size() const { return source_->size(); }
  std::int64_t classes() const { return std::ssize(source_->classes()); }
  struct Score {
    std::int64_t images = 0;  ///< that could be used
    double top1 = 0;          ///< the share of them that is classified rightly
  };
  Score score(const std::shared_ptr<PretrainModel>& model, const ImageReading& reading) const;

 private:
  std::shared_ptr<const ImageSource> source_;
  Preprocessing preprocessing_;
};

}  // namespace convmae
