#include "convmae/classify/classifier_batches.h"

#include "convmae/train/batches.h"

#include <ATen/ATen.h>

namespace convmae {

at::Tensor ImageInput::operator()(const Batch& batch) const {
  return images_of(batch, preprocessing).to(compute.device, compute.type);
}

std::vector<std::int64_t> labels_of(const Batch& batch, const std::vector<std::int64_t>& class_of) {
  std::vector<std::int64_t> labels;
  for (const std::int64_t label : batch.labels) {
    labels.push_back(class_of.at(static_cast<std::size_t>(label)));
  }
  return labels;
}

void add_logits(ClassificationMetrics& metrics, const at::Tensor& logits,
                std::span<const std::int64_t> labels) {
  const at::Tensor rows = logits.detach().to(at::kCPU, at::kFloat).contiguous();
  TORCH_CHECK(rows.dim() == 2 && rows.size(0) == std::ssize(labels), "logits [", labels.size(),
              ", K] are needed, found ", rows.sizes());
  metrics.add({rows.const_data_ptr<float>(), static_cast<std::size_t>(rows.numel())}, labels);
}

ClassificationMetrics evaluate_classifier(Classifier& model, Loader& loader,
                                          const ImageInput& input,
                                          const std::vector<std::int64_t>& class_of,
                                          const std::function<void(std::int64_t)>& progress,
                                          Confusions confusions, NotNumbers* not_numbers) {
  const at::NoGradGuard no_grad;
  const bool was_training = model.is_training();
  model.eval();
  ClassificationMetrics metrics(model.config().num_classes, confusions);
  while (const std::optional<Batch> batch = loader.next()) {
    const at::Tensor logits = model.forward(input(*batch));
    if (not_numbers != nullptr) not_numbers->check(logits, *batch, loader.source());
    add_logits(metrics, logits, labels_of(*batch, class_of));
    progress(metrics.images());
  }
  model.train(was_training);
  return metrics;
}

}  // namespace convmae
