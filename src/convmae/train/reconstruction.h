#pragma once

#include "convmae/model/pretrain_model.h"
#include "convmae/report/panel.h"
#include "convmae/train/preprocessing.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace convmae {

/// Lets a model fill in removed blocks and makes pictures of it, one entry an image: images
/// [B, C, H, W] normalised with `preprocessing`, noise [B, L], one caption an image. A model
/// trained on normalised targets predicts blocks without brightness and contrast: these are taken
/// from the true blocks, so its pictures look better than what it knows.
std::vector<Reconstruction> reconstruct(PretrainModel& model, const at::Tensor& images,
                                        const at::Tensor& noise, const Preprocessing& preprocessing,
                                        const std::vector<std::string>& captions);

}  // namespace convmae
