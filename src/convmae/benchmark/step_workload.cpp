#include "convmae/benchmark/step_workload.h"

#include "convmae/classify/classification_loss.h"
#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/model/classifier.h"
#include "convmae/model/dense_formulation.h"
#include "convmae/model/masking/visibility.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

std::function<at::Tensor()> dense_pretraining(const StepBenchmarkOptions& options,
                                              const PretrainModel& model, const at::Tensor& images,
                                              const at::Tensor& noise) {
  const Size grid = geometry_of(options.model.encoder).grid();
  const std::int64_t kept = num_kept(noise.size(1), options.model.masking.ratio);
  const at::Tensor keep = 1 - sample_blocks(noise, kept, grid).mask();
  dense::Parameters parameters;
  for (const auto& parameter : model.named_parameters()) {
    parameters.emplace(parameter.key(), parameter.value());
  }
  return [config = options.model, images, keep, parameters] {
    return dense::convmae_forward(parameters, config, images, keep).loss;
  };
}

StepWorkload pretraining(const StepBenchmarkOptions& options) {
  const std::shared_ptr<PretrainModel> model = make_pretrain_model(options.model);
  model->initialise(options.seed);
  model->use(options.compute);
  const at::Tensor images = random_images(options, options.model.encoder);
  const at::Tensor noise = at::rand({options.batch_size, model->noise_length()});
  StepWorkload workload{model, [=] { return model->forward(images, noise, Predict::removed).loss; },
                        nullptr};
  if (options.against_dense) {
    workload.dense_forward = dense_pretraining(options, *model, images, noise);
  }
  return workload;
}

StepWorkload classification(const StepBenchmarkOptions& options) {
  const auto model = std::make_shared<Classifier>(
      ClassifierConfig{.encoder = options.model.encoder, .num_classes = options.num_classes});
  model->initialise(options.seed);
  place(*model, options.compute);
  const at::Tensor images = random_images(options, options.model.encoder).to(options.compute.type);
  if (options.task == BenchmarkTask::inference) {
    hold_weights_as(model->encoder(), options.compute.type);
    return {model, [=] { return model->forward(images); }, nullptr};
  }
  const at::Tensor target =
      at::rand({options.batch_size, options.num_classes}).softmax(1).to(options.compute.device);
  return {model, [=] { return soft_target_cross_entropy(model->forward(images), target); },
          nullptr};
}

}  // namespace

at::Tensor random_images(const StepBenchmarkOptions& options, const EncoderConfig& encoder) {
  const Size size = encoder.img_size;
  return at::randn({options.batch_size, encoder.in_chans, size.height, size.width})
      .to(options.compute.device);
}

StepWorkload step_workload(const StepBenchmarkOptions& options) {
  switch (options.task) {
    case BenchmarkTask::pretrain:
      return pretraining(options);
    case BenchmarkTask::detect:
      return detection_workload(options);
    case BenchmarkTask::segment:
      return segmentation_workload(options);
    case BenchmarkTask::finetune:
    case BenchmarkTask::inference:
      break;
  }
  return classification(options);
}

}  // namespace convmae
