#pragma once

#include "convmae/model/config.h"
#include "convmae/model/dense/batch_norm.h"
#include "convmae/model/encoder/layers.h"
#include "convmae/model/encoder/pooled_encoder.h"

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

namespace convmae {

/// What stands behind the encoder.
enum class ClassifierHead {
  linear,  ///< `head`: a Linear
  probe,   ///< `head.0`, `head.1`: batch norm without scale and shift, then a Linear
};

/// What decides a classifier's parameters.
struct ClassifierConfig {
  EncoderConfig encoder;
  Pool pool = Pool::mean;
  ClassifierHead head = ClassifierHead::linear;
  std::int64_t num_classes = 0;

  bool operator==(const ClassifierConfig&) const = default;
};

/// Throws UserError unless the configuration describes a classifier.
void validate(const ClassifierConfig& config);

/// The linear probe's head (MAE, arXiv 2111.06377, appendix A.1): in training mode features are
/// normalised by the batch's statistics, which also move the running ones once the step that they
/// belong to is taken.
class ProbeHead : public torch::nn::Module {
 public:
  ProbeHead(std::int64_t width, std::int64_t num_classes);
  /// [B, D] -> [B, K]. Throws c10::Error for a training batch of one, which has no variance.
  at::Tensor forward(const at::Tensor& features);
  /// Moves the running statistics by those of the training batches since the last of these two
  /// calls.
  void commit() { norm_->commit(); }
  /// Forgets them.
  void discard() { norm_->discard(); }
  Linear& linear() { return *linear_; }

 private:
  std::shared_ptr<BatchNorm> norm_;
  std::shared_ptr<Linear> linear_;
};

/// An encoder with a head that tells classes apart. Parameters have the published names.
class Classifier : public torch::nn::Module {
 public:
  explicit Classifier(const ClassifierConfig& config);

  /// images [B, C, H, W] -> logits [B, K], in the type of the head's parameters; the encoder
  /// computes in the type of the images. With a probe the encoder gets no gradient.
  at::Tensor forward(const at::Tensor& images, const DropPath& drop_path = {});
  /// Features [B, D] of the encoder -> logits [B, K].
  at::Tensor classify(const at::Tensor& features);

  /// After an optimizer step that was taken, or was left out: the running statistics of a probe
  /// move by the training batches of that step, or stay as they were.
  void commit_statistics();
  void discard_statistics();

  const ClassifierConfig& config() const { return config_; }
  PooledEncoder& encoder() { return *encoder_; }

  /// Sets every parameter as the published code does at start: Linear weights and tokens, position
  /// tables included, normal with deviation 0.02, biases 0, norms 1 and 0, convolutions PyTorch's
  /// default. The head's weight as `initialise_head` does.
  void initialise(std::uint64_t seed);
  /// The head's weight normal with the published deviation, 2e-5 (probe: 0.01), its bias 0.
  void initialise_head(std::uint64_t seed);

 private:
  at::ScalarType head_type() const;

  ClassifierConfig config_;
  std::shared_ptr<PooledEncoder> encoder_;
  std::shared_ptr<Linear> linear_;  ///< one of these two
  std::shared_ptr<ProbeHead> probe_;
};

}  // namespace convmae
