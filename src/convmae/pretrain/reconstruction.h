#pragma once

#include "convmae/checkpoint/preprocessing.h"
#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/report/panel.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace convmae {

/// Makes pictures of what a model filled in, one entry an image: images [B, C, H, W] normalised
/// with `preprocessing`, `output` what the model gave for them with Predict::all, one caption an
/// image. A model trained on normalised targets predicts blocks without brightness and contrast:
/// these are taken from the true blocks, so its pictures look better than what it knows.
std::vector<Reconstruction> reconstruct(const PretrainModel& model, const at::Tensor& images,
                                        const PretrainOutput& output,
                                        const Preprocessing& preprocessing,
                                        const std::vector<std::string>& captions);

/// What a person who looks at the pictures of such a model must know; empty if nothing.
std::string reconstruction_note(const ModelConfig& config);

}  // namespace convmae
