#pragma once

#include "convmae/data/augment/augment.h"
#include "convmae/data/draw_key.h"

#include <string_view>

namespace convmae {

/// RandAugment with levels on a scale of 0 to 10. The defaults are the published fine-tuning
/// recipe, `rand-m9-mstd0.5-inc1`: a higher level always means a stronger effect.
struct RandAugment {
  int layers = 2;            ///< operations drawn per image, with repetition
  double probability = 0.5;  ///< with which each of them is applied
  double level = 9;
  double level_std = 0.5;   ///< the level is normally distributed, then limited to 0..10
  Rgb fill{124, 116, 104};  ///< ImageNet's mean
};

/// The operation that timm calls `name`, such as "TranslateXRel"; "PosterizeIncreasing" and
/// "Posterize" are the same operation with other levels. Throws UserError for an unknown name.
AugmentOp parse_augment_op(std::string_view name);

/// The argument of an operation at a level of 0..10. `negate` asks for the other direction where
/// the operation has two.
double augment_argument(AugmentOp op, double level, bool negate);

/// Draws and applies the operations for one sample. `image` is uint8 with 3 channels.
void rand_augment(const RandAugment& policy, const DrawKey& key, Image& image, Image& scratch);

}  // namespace convmae
