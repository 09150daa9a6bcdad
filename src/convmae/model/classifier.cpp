#include "convmae/model/classifier.h"

#include "convmae/base/error.h"
#include "convmae/base/random.h"
#include "convmae/model/initialise.h"

#include <ATen/ATen.h>

namespace convmae {

void validate(const ClassifierConfig& config) {
  validate(config.encoder);
  if (config.num_classes < 1) {
    throw UserError("a classifier needs one class or more, found " +
                    std::to_string(config.num_classes));
  }
}

ProbeHead::ProbeHead(std::int64_t width, std::int64_t num_classes)
    : norm_(register_module(
          "0", std::make_shared<BatchNorm>(width, /*eps=*/1e-6, BatchNorm::Affine::none))),
      linear_(register_module("1", std::make_shared<Linear>(width, num_classes))) {}

at::Tensor ProbeHead::forward(const at::Tensor& features) {
  return linear_->forward(norm_->forward(features));
}

Classifier::Classifier(const ClassifierConfig& config)
    : config_(config), encoder_(make_pooled_encoder(config.encoder, config.pool)) {
  adopt(*this, *encoder_);
  if (config.head == ClassifierHead::probe) {
    for (const at::Tensor& parameter : encoder_->parameters()) {
      at::Tensor(parameter).requires_grad_(false);
    }
    probe_ =
        register_module("head", std::make_shared<ProbeHead>(encoder_->width(), config.num_classes));
  } else {
    linear_ =
        register_module("head", std::make_shared<Linear>(encoder_->width(), config.num_classes));
  }
  // The published order, in which optimizers number parameters, has this norm behind the head.
  if (config.pool == Pool::mean) {
    const std::shared_ptr<torch::nn::Module> norm = named_children()["fc_norm"];
    unregister_module("fc_norm");
    register_module("fc_norm", norm);
  }
}

at::Tensor Classifier::forward(const at::Tensor& images, const DropPath& drop_path) {
  // The head computes in the type of its parameters, whatever the encoder does.
  return classify(encoder_->forward(images, drop_path).to(head_type()));
}

at::Tensor Classifier::classify(const at::Tensor& features) {
  return probe_ ? probe_->forward(features) : linear_->forward(features);
}

void Classifier::commit_statistics() {
  if (probe_) probe_->commit();
}

void Classifier::discard_statistics() {
  if (probe_) probe_->discard();
}

at::ScalarType Classifier::head_type() const {
  return (probe_ ? probe_->linear() : *linear_).weight.scalar_type();
}

void Classifier::initialise(std::uint64_t seed) {
  initialise_parameters(*encoder_, seed, {}, LinearInit::normal);
  initialise_head(seed);
}

void Classifier::initialise_head(std::uint64_t seed) {
  constexpr double kDeviation = 2e-5;
  constexpr double kProbeDeviation = 0.01;
  const at::NoGradGuard no_grad;
  Linear& head = probe_ ? probe_->linear() : *linear_;
  initialise_normal(head.weight, seed, probe_ ? "head.1.weight" : "head.weight",
                    probe_ ? kProbeDeviation : kDeviation);
  head.bias.zero_();
}

}  // namespace convmae
