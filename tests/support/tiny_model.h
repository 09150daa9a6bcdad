#pragma once

#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/optim/optimizer.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <memory>
#include <string>

namespace convmae {

/// A model of every part that takes a millisecond a step.
inline ModelConfig tiny_config() {
  ModelConfig config;
  config.encoder.img_size = {32, 48};
  config.encoder.embed_dim = {8, 12, 16};
  config.encoder.depth = {1, 1, 1};
  config.encoder.num_heads = 2;
  config.decoder.embed_dim = 16;
  config.decoder.depth = 1;
  config.decoder.num_heads = 2;
  return config;
}

inline std::shared_ptr<PretrainModel> tiny_model(std::uint64_t seed) {
  auto model = make_pretrain_model(tiny_config());
  model->initialise(seed);
  return model;
}

inline CheckpointInfo tiny_info() {
  return {tiny_config(), {{0.4, 0.5, 0.6}, {0.2, 0.2, 0.2}, {32, 48}}, {{"seed", 3}}};
}

/// Takes a few steps so that parameters and optimizer state are none that a new run has.
inline void train_a_little(PretrainModel& model, AdamW& optimizer, int steps) {
  for (int step = 0; step < steps; ++step) {
    const at::Tensor images = at::sin(at::arange(2 * 3 * 32 * 48) * (0.01 * (step + 1)))
                                  .to(at::kFloat)
                                  .view({2, 3, 32, 48});
    const at::Tensor noise = at::cos(at::arange(12) * (step + 1)).to(at::kFloat).view({2, 6});
    optimizer.zero_grad();
    model.forward(images, noise * 0.4 + 0.5, Predict::removed).loss.backward();
    optimizer.step(0.01);
  }
  optimizer.zero_grad();
}

inline bool same_parameters(const PretrainModel& a, const PretrainModel& b) {
  const auto left = named_tensors(a);
  const auto right = named_tensors(b);
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (!at::equal(left[i].second, right[i].second)) return false;
  }
  return left.size() == right.size();
}

/// A directory of the test's own, removed with everything in it.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "convmae-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace convmae
