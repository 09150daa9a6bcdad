#pragma once

#include "convmae/io/weights.h"
#include "convmae/model/architecture.h"
#include "convmae/model/config.h"

#include <filesystem>
#include <optional>
#include <string>

namespace convmae {

/// The file in which Hugging Face's transformers look for what a model is: beside its weights.
std::filesystem::path vitmae_config_path(const std::filesystem::path& weights);

/// What the configuration beside weights of Hugging Face's ViTMAE says of their model: all but the
/// decoder's MLP ratio, which is the encoder's here. Nothing for other weights, and if there is no
/// configuration of such a model. Throws UserError if it is none that can be read, or describes
/// what MAE is not.
std::optional<ModelConfig> vitmae_config_beside(const WeightFile& weights);

/// The model of a file that is to be written as ViTMAE, by its own description, else by its shapes
/// and training arguments. Throws UserError unless the file holds all of an MAE of square
/// images, of which `encoder_only` needs the encoder with its norm.
ModelConfig vitmae_model(const WeightFile& file, bool encoder_only);

/// The text of the configuration: a ViTMAEForPreTraining, or with `encoder_only` a ViTMAEModel.
/// `layer_norm_eps` is that of MAE, 1e-6, not the 1e-12 that transformers take by default.
std::string vitmae_config_text(const ModelConfig& model, bool encoder_only);

/// Throws UserError if the configuration of `weights` would take the place of another one: beside a
/// file that does not exist yet, or of something that is no ViTMAE.
void require_vitmae_config_free(const std::filesystem::path& weights, const std::string& text);

}  // namespace convmae
