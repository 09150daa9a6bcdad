#pragma once

#include "convmae/data/draw_key.h"
#include "convmae/data/image.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace convmae {

/// A batch in memory, `[count, channels, size.height, size.width]`.
struct BatchView {
  float* pixels = nullptr;
  std::int64_t count = 0;
  std::int64_t channels = 0;
  Size size;
};

/// Who shares a draw of what is mixed.
enum class MixingMode {
  batch,    ///< a whole group
  pair,     ///< a sample and its partner
  element,  ///< nobody: each sample takes from its partner as its own draw says
};
/// "batch", "pair" or "element" ("elem" too). Throws UserError for anything else.
MixingMode parse_mixing_mode(std::string_view name);

/// mixup and CutMix as in the published fine-tuning recipe. Samples are mixed within groups of
/// `group` consecutive positions of the epoch's global order, so that the world size plays no part.
/// The partner in a group is its mirror: the first with the last.
struct MixingPolicy {
  double mixup_alpha = 0.8;   ///< of the Beta distribution; 0: no mixup
  double cutmix_alpha = 1.0;  ///< 0: no CutMix
  double probability = 1.0;   ///< with which a draw mixes at all
  double cutmix_share = 0.5;  ///< of the draws, where both are on
  MixingMode mode = MixingMode::batch;
  std::int64_t group = 32;
  double label_smoothing = 0.1;

  bool mixes() const { return (mixup_alpha > 0 || cutmix_alpha > 0) && probability > 0; }
};

/// Throws UserError for values that make no sense, and if `batch_size` (of one rank) does not
/// consist of whole groups.
void validate(const MixingPolicy& policy, std::int64_t batch_size);

/// Mixes a batch in place and returns its soft targets, `[labels.size(), num_classes]`. `first` is
/// the key of the batch's first sample; the others follow it in the global order. A group that the
/// end of the epoch cuts short is mixed as it is. Labels lie in 0 .. num_classes-1.
std::vector<float> mix_batch(const MixingPolicy& policy, const DrawKey& first,
                             const BatchView& batch, std::span<const std::int64_t> labels,
                             std::int64_t num_classes);

/// The partner of sample i: the batch in reverse order.
inline std::int64_t mixing_partner(std::int64_t i, std::int64_t count) { return count - 1 - i; }

/// mixup (arXiv 1710.09412) of a whole batch with one share: `lambda * x + (1 - lambda) * partner`.
void mixup(const BatchView& batch, double lambda);

/// The part that CutMix (arXiv 1905.04899) takes from the partner: `sqrt(1 - lambda)` of each side,
/// cut off to whole pixels, about (centre_y, centre_x), clipped to the image. It may be empty.
Box cutmix_box(Size image, double lambda, std::int64_t centre_y, std::int64_t centre_x);

/// The share of the image that is left outside `box`: the lambda that the targets are mixed with.
double cutmix_lambda(Size image, const Box& box);

/// CutMix of a whole batch with one box.
void cutmix(const BatchView& batch, const Box& box);

/// Targets of a mixed batch, `[labels.size(), num_classes]`: smoothed one-hot rows (the label gets
/// `1 - smoothing + smoothing / num_classes`, the others `smoothing / num_classes`), weighted with
/// the sample's lambda and the partner's with `1 - lambda`. `lambdas` has one number, or one a
/// sample.
std::vector<float> mixed_targets(std::span<const std::int64_t> labels, std::int64_t num_classes,
                                 std::span<const double> lambdas, double smoothing);

}  // namespace convmae
