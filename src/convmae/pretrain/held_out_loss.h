#pragma once

#include "convmae/data/sources/source.h"
#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/pretrain/pretrain_options.h"
#include "convmae/train/batches.h"

#include <cstdint>
#include <memory>

namespace convmae {

/// How well removed blocks of held-out images are filled in.
struct Evaluation {
  std::int64_t images = 0;
  /// The model's loss, as in training: mean over all removed pixels.
  double loss = 0;
  /// The loss, on the same masks and targets, of a prediction without any learning: for raw pixels
  /// each image's mean colour of its visible pixels; for normalised targets, which that colour says
  /// nothing about, zero, each block's own mean.
  double baseline = 0;
};

/// Evaluates on every image of `source` with masks that depend on the seed and the image's place
/// alone.
Evaluation evaluate(PretrainModel& model, const PretrainOptions& options,
                    std::shared_ptr<const ImageSource> source, const ImageReading& reading);

/// Loss of the learning-free prediction on one batch: images [B, C, H, W], and the mask that the
/// model gave for them (PretrainOutput::mask).
double baseline_loss(const PretrainModel& model, const at::Tensor& images, const at::Tensor& mask);

}  // namespace convmae
