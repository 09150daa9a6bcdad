#include "convmae/data/augment/mixing.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/random.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <string>
#include <utility>

namespace convmae {
namespace {

/// One draw: what a sample takes from its partner.
struct Mix {
  double lambda = 1;  ///< the sample's own share
  bool cut = false;
  Box box;  ///< if `cut`
};

std::int64_t values_per_sample(const BatchView& batch) {
  return batch.channels * batch.size.height * batch.size.width;
}

BatchView part_of(const BatchView& batch, std::int64_t begin, std::int64_t count) {
  return {batch.pixels + begin * values_per_sample(batch), count, batch.channels, batch.size};
}

float* sample_of(const BatchView& batch, std::int64_t i) {
  return batch.pixels + i * values_per_sample(batch);
}

/// Calls `function(offset, count)` for each run of values inside `box`.
template <typename Function>
void for_each_run(const BatchView& batch, const Box& box, const Function& function) {
  for (std::int64_t c = 0; c < batch.channels; ++c) {
    for (std::int64_t y = box.top; y < box.top + box.height; ++y) {
      function((c * batch.size.height + y) * batch.size.width + box.left, box.width);
    }
  }
}

Mix draw_mix(const MixingPolicy& policy, const DrawKey& key, Size size) {
  CounterRandom random(key.seed, key.epoch, key.index, Purpose::mixing);
  if (random.uniform_double() >= policy.probability) return {};
  const bool both = policy.mixup_alpha > 0 && policy.cutmix_alpha > 0;
  const bool cut = both ? random.uniform_double() < policy.cutmix_share : policy.cutmix_alpha > 0;
  const double alpha = cut ? policy.cutmix_alpha : policy.mixup_alpha;
  const double lambda = random.beta(alpha, alpha);
  if (!cut) return {lambda, false, {}};
  const auto y = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size.height)));
  const auto x = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size.width)));
  const Box box = cutmix_box(size, lambda, y, x);
  return {cutmix_lambda(size, box), true, box};
}

/// All samples of `batch` take the same from their partners.
void mix_alike(const BatchView& batch, const Mix& mix) {
  if (mix.lambda == 1) return;
  if (mix.cut) {
    cutmix(batch, mix.box);
  } else {
    mixup(batch, mix.lambda);
  }
}

void mix_sample(const BatchView& batch, std::int64_t i, const float* partner, const Mix& mix) {
  float* pixels = sample_of(batch, i);
  if (mix.lambda == 1) return;
  if (mix.cut) {
    for_each_run(batch, mix.box, [&](std::int64_t at, std::int64_t count) {
      std::copy_n(partner + at, count, pixels + at);
    });
    return;
  }
  const auto own = static_cast<float>(mix.lambda);
  const auto others = static_cast<float>(1.0 - mix.lambda);
  const std::int64_t values = values_per_sample(batch);
  for (std::int64_t v = 0; v < values; ++v) pixels[v] = pixels[v] * own + partner[v] * others;
}

/// Mixes one group; `lambdas` gets a number a sample.
void mix_group(const MixingPolicy& policy, const DrawKey& first, const BatchView& group,
               std::span<double> lambdas) {
  const auto mix_of = [&](std::int64_t i) {
    return draw_mix(policy, {first.seed, first.epoch, first.index + static_cast<std::uint64_t>(i)},
                    group.size);
  };
  if (policy.mode == MixingMode::batch) {
    const Mix mix = mix_of(0);
    mix_alike(group, mix);
    std::fill(lambdas.begin(), lambdas.end(), mix.lambda);
    return;
  }
  std::vector<float> original;
  for (std::int64_t i = 0; 2 * i + 1 < group.count; ++i) {
    const std::int64_t j = mixing_partner(i, group.count);
    const Mix mine = mix_of(i);
    const Mix theirs = policy.mode == MixingMode::pair ? mine : mix_of(j);
    const float* pixels = sample_of(group, i);
    original.assign(pixels, pixels + values_per_sample(group));
    mix_sample(group, i, sample_of(group, j), mine);
    mix_sample(group, j, original.data(), theirs);
    lambdas[static_cast<std::size_t>(i)] = mine.lambda;
    lambdas[static_cast<std::size_t>(j)] = theirs.lambda;
  }
}

}  // namespace

MixingMode parse_mixing_mode(std::string_view name) {
  if (name == "batch") return MixingMode::batch;
  if (name == "pair") return MixingMode::pair;
  if (name == "element" || name == "elem") return MixingMode::element;
  throw UserError("expected a mixing mode of batch, pair or element, found " + quote(name) +
                  ": choose one of them");
}

void validate(const MixingPolicy& policy, std::int64_t batch_size) {
  const auto is_share = [](double value) { return value >= 0 && value <= 1; };
  if (!(policy.mixup_alpha >= 0 && policy.cutmix_alpha >= 0)) {
    throw UserError("expected mixup and cutmix of 0 (off) or more, found " +
                    std::to_string(policy.mixup_alpha) + " and " +
                    std::to_string(policy.cutmix_alpha) + ": set others");
  }
  if (!is_share(policy.probability) || !is_share(policy.cutmix_share) ||
      !is_share(policy.label_smoothing)) {
    throw UserError(
        "expected the probability of mixing, the share of cutmix and the label smoothing to lie in "
        "0..1, found " +
        std::to_string(policy.probability) + ", " + std::to_string(policy.cutmix_share) + " and " +
        std::to_string(policy.label_smoothing) + ": set others");
  }
  if (policy.mixes() && (policy.group < 1 || batch_size % policy.group != 0)) {
    throw UserError("expected a batch size that consists of whole mixing groups of " +
                    std::to_string(policy.group) + " samples, found " + std::to_string(batch_size) +
                    ": choose a group that divides it");
  }
}

std::vector<float> mix_batch(const MixingPolicy& policy, const DrawKey& first,
                             const BatchView& batch, std::span<const std::int64_t> labels,
                             std::int64_t num_classes) {
  assert(std::ssize(labels) == batch.count);
  constexpr std::array kUnmixed{1.0};
  if (!policy.mixes()) return mixed_targets(labels, num_classes, kUnmixed, policy.label_smoothing);
  assert(first.index % static_cast<std::uint64_t>(policy.group) == 0);
  std::vector<float> targets;
  targets.reserve(static_cast<std::size_t>(batch.count * num_classes));
  for (std::int64_t begin = 0; begin < batch.count; begin += policy.group) {
    const std::int64_t count = std::min(policy.group, batch.count - begin);
    const DrawKey key{first.seed, first.epoch, first.index + static_cast<std::uint64_t>(begin)};
    std::vector<double> lambdas(static_cast<std::size_t>(count), 1.0);
    mix_group(policy, key, part_of(batch, begin, count), lambdas);
    const auto group_labels =
        labels.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
    const std::vector<float> rows =
        mixed_targets(group_labels, num_classes, lambdas, policy.label_smoothing);
    targets.insert(targets.end(), rows.begin(), rows.end());
  }
  return targets;
}

void mixup(const BatchView& batch, double lambda) {
  const auto own = static_cast<float>(lambda);
  const auto others = static_cast<float>(1.0 - lambda);
  const std::int64_t values = values_per_sample(batch);
  // A sample and its partner mix with each other: both are done at once. The middle one of an odd
  // batch is its own partner.
  for (std::int64_t i = 0; 2 * i < batch.count; ++i) {
    float* a = sample_of(batch, i);
    float* b = sample_of(batch, mixing_partner(i, batch.count));
    for (std::int64_t v = 0; v < values; ++v) {
      const float first = a[v];
      const float second = b[v];
      a[v] = first * own + second * others;
      b[v] = second * own + first * others;
    }
  }
}

Box cutmix_box(Size image, double lambda, std::int64_t centre_y, std::int64_t centre_x) {
  const double share = std::sqrt(1.0 - lambda);
  const auto cut = [share](std::int64_t side, std::int64_t centre) {
    const auto length = static_cast<std::int64_t>(static_cast<double>(side) * share);
    const std::int64_t begin = std::clamp<std::int64_t>(centre - length / 2, 0, side);
    const std::int64_t end = std::clamp<std::int64_t>(centre + length / 2, 0, side);
    return std::pair(begin, end - begin);
  };
  const auto [top, height] = cut(image.height, centre_y);
  const auto [left, width] = cut(image.width, centre_x);
  return {top, left, height, width};
}

double cutmix_lambda(Size image, const Box& box) {
  return 1.0 - static_cast<double>(box.height * box.width) /
                   static_cast<double>(image.height * image.width);
}

void cutmix(const BatchView& batch, const Box& box) {
  for (std::int64_t i = 0; 2 * i + 1 < batch.count; ++i) {
    float* a = sample_of(batch, i);
    float* b = sample_of(batch, mixing_partner(i, batch.count));
    for_each_run(batch, box, [a, b](std::int64_t at, std::int64_t count) {
      std::swap_ranges(a + at, a + at + count, b + at);
    });
  }
}

std::vector<float> mixed_targets(std::span<const std::int64_t> labels, std::int64_t num_classes,
                                 std::span<const double> lambdas, double smoothing) {
  const auto count = std::ssize(labels);
  assert(std::ssize(lambdas) == 1 || std::ssize(lambdas) == count);
  const double off = smoothing / static_cast<double>(num_classes);
  const auto off_value = static_cast<float>(off);
  const auto on_value = static_cast<float>(1.0 - smoothing + off);
  std::vector<float> targets;
  targets.reserve(static_cast<std::size_t>(count * num_classes));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t label = labels[static_cast<std::size_t>(i)];
    const std::int64_t partner = labels[static_cast<std::size_t>(mixing_partner(i, count))];
    assert(label >= 0 && label < num_classes);
    const double lambda = lambdas[lambdas.size() == 1 ? 0 : static_cast<std::size_t>(i)];
    const auto own = static_cast<float>(lambda);
    const auto others = static_cast<float>(1.0 - lambda);
    for (std::int64_t k = 0; k < num_classes; ++k) {
      const float mine = k == label ? on_value : off_value;
      const float theirs = k == partner ? on_value : off_value;
      targets.push_back(mine * own + theirs * others);
    }
  }
  return targets;
}

}  // namespace convmae
