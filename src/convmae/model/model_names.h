#pragma once

#include "convmae/model/config.h"

#include <string>
#include <vector>

namespace convmae {

/// What a model is called, taken apart.
struct NamedModel {
  std::string preset;           ///< a name that model_preset knows
  std::vector<Method> methods;  ///< that the name goes with, the usual one first; empty: all
};

/// Takes the names of presets ("base"), those of the published code
/// ("convmae_convvit_base_patch16_dec512d8b", "fastconvmae_convvit_base_patch16",
/// "mae_vit_huge_patch14", "convvit_base_patch16", "vit_large_patch16"), timm's
/// ("vit_base_patch16_224.mae") and short ones
/// ("mae_base", "convmae-b"), in upper or lower case. Throws UserError for others, and for a name
/// with other patches or another decoder than the published model has.
NamedModel parse_model_name(const std::string& name);

}  // namespace convmae
