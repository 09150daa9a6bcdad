#include "convmae/data/augment/rand_augment.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/random.h"

#include <algorithm>
#include <array>
#include <utility>

namespace convmae {
namespace {

constexpr std::array<std::pair<std::string_view, AugmentOp>, kNumAugmentOps> kNames{
    {{"AutoContrast", AugmentOp::auto_contrast},
     {"Equalize", AugmentOp::equalize},
     {"Invert", AugmentOp::invert},
     {"Rotate", AugmentOp::rotate},
     {"Posterize", AugmentOp::posterize},
     {"Solarize", AugmentOp::solarize},
     {"SolarizeAdd", AugmentOp::solarize_add},
     {"Color", AugmentOp::colour},
     {"Contrast", AugmentOp::contrast},
     {"Brightness", AugmentOp::brightness},
     {"Sharpness", AugmentOp::sharpness},
     {"ShearX", AugmentOp::shear_x},
     {"ShearY", AugmentOp::shear_y},
     {"TranslateXRel", AugmentOp::translate_x},
     {"TranslateYRel", AugmentOp::translate_y}}};

}  // namespace

AugmentOp parse_augment_op(std::string_view name) {
  constexpr std::string_view kSuffix = "Increasing";
  const std::string_view base =
      name.ends_with(kSuffix) ? name.substr(0, name.size() - kSuffix.size()) : name;
  for (const auto& [known, op] : kNames) {
    if (known == base) return op;
  }
  throw UserError("expected the name of a RandAugment operation such as Rotate, found " +
                  quote(name) + ": check the spelling");
}

double augment_argument(AugmentOp op, double level, bool negate) {
  constexpr double kMaxLevel = 10;
  const double share = level / kMaxLevel;
  const double sign = negate ? -1.0 : 1.0;
  switch (op) {
    case AugmentOp::auto_contrast:
    case AugmentOp::equalize:
    case AugmentOp::invert:
      return 0;
    case AugmentOp::rotate:
      return sign * (share * 30.0);
    case AugmentOp::posterize:
      return 4 - static_cast<int>(share * 4);
    case AugmentOp::solarize:
      return 256 - static_cast<int>(share * 256);
    case AugmentOp::solarize_add:
      return std::min(128, static_cast<int>(share * 110));
    case AugmentOp::colour:
    case AugmentOp::contrast:
    case AugmentOp::brightness:
    case AugmentOp::sharpness:
      return 1.0 + sign * (share * 0.9);
    case AugmentOp::shear_x:
    case AugmentOp::shear_y:
      return sign * (share * 0.3);
    case AugmentOp::translate_x:
    case AugmentOp::translate_y:
      return sign * (share * 0.45);
  }
  return 0;
}

void rand_augment(const RandAugment& policy, const DrawKey& key, Image& image, Image& scratch) {
  CounterRandom random(key.seed, key.epoch, key.index, Purpose::augment);
  for (int layer = 0; layer < policy.layers; ++layer) {
    const auto op = static_cast<AugmentOp>(random.below(kNumAugmentOps));
    const bool applied = random.uniform_double() < policy.probability;
    const double level = std::clamp(policy.level + policy.level_std * random.normal(), 0.0, 10.0);
    const bool negate = random.uniform_double() < 0.5;
    if (applied) augment(op, augment_argument(op, level, negate), policy.fill, image, scratch);
  }
}

}  // namespace convmae
