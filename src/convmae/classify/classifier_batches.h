#pragma once

#include "convmae/checkpoint/preprocessing.h"
#include "convmae/data/loader.h"
#include "convmae/metrics/classification_metrics.h"
#include "convmae/model/classifier.h"
#include "convmae/model/compute.h"
#include "convmae/train/finite.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace convmae {

/// Images whose classes are to be told.
struct LabelledImages {
  std::shared_ptr<const ImageSource> source;
  /// The classifier's number of each class of the source.
  std::vector<std::int64_t> class_of;
};

/// How a batch becomes the encoder's input.
struct ImageInput {
  Preprocessing preprocessing;
  Compute compute;

  /// [B, C, H, W]; of type float32 on the CPU it shares the batch's memory.
  at::Tensor operator()(const Batch& batch) const;
};

/// Adds images by their logits [B, K] and labels [B].
void add_logits(ClassificationMetrics& metrics, const at::Tensor& logits,
                std::span<const std::int64_t> labels);

/// Classifies every image that `loader` delivers with the model in evaluation mode. `progress`
/// hears how many images are done; `not_numbers` gets those whose logits are none.
ClassificationMetrics evaluate_classifier(Classifier& model, Loader& loader,
                                          const ImageInput& input,
                                          const std::vector<std::int64_t>& class_of,
                                          const std::function<void(std::int64_t)>& progress,
                                          Confusions confusions = Confusions::ignored,
                                          NotNumbers* not_numbers = nullptr);

/// A batch's labels in the classifier's numbers.
std::vector<std::int64_t> labels_of(const Batch& batch, const std::vector<std::int64_t>& class_of);

}  // namespace convmae
