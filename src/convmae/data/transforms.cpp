#include "convmae/data/transforms.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/base/geometry.h"
#include "convmae/data/value_range.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace convmae {
namespace {

std::int64_t round_to_int(double value) { return static_cast<std::int64_t>(std::nearbyint(value)); }

/// Half of the difference, half-way cases to the even number.
std::int64_t centred_offset(std::int64_t outer, std::int64_t inner) {
  return round_to_int(static_cast<double>(outer - inner) / 2.0);
}

using NormalisingTable = std::array<float, 256>;

/// Each 8-bit value has one result.
NormalisingTable normalising_table(float mean, float std) {
  NormalisingTable table;
  for (std::size_t value = 0; value < table.size(); ++value) {
    table[value] = (static_cast<float>(value) / 255.0F - mean) / std;
  }
  return table;
}

/// RGB, all planes in one pass over the pixels. `step` is 3, or -3 from right to left.
template <std::int64_t step>
void normalise_rgb(const std::uint8_t* pixels, Size size,
                   const std::array<NormalisingTable, 3>& tables, float* out) {
  const std::int64_t plane = size.height * size.width;
  for (std::int64_t y = 0; y < size.height; ++y) {
    const std::uint8_t* from = pixels + (y * size.width + (step < 0 ? size.width - 1 : 0)) * 3;
    float* const red = out + y * size.width;
    float* const green = red + plane;
    float* const blue = green + plane;
    for (std::int64_t x = 0; x < size.width; ++x, from += step) {
      red[x] = tables[0][from[0]];
      green[x] = tables[1][from[1]];
      blue[x] = tables[2][from[2]];
    }
  }
}

/// One of several channels.
void normalise_channel(const std::uint8_t* pixels, Size size, std::int64_t channels,
                       const NormalisingTable& table, bool flip, float* out) {
  const std::int64_t step = flip ? -channels : channels;
  for (std::int64_t y = 0; y < size.height; ++y) {
    const std::uint8_t* from = pixels + (y * size.width + (flip ? size.width - 1 : 0)) * channels;
    for (std::int64_t x = 0; x < size.width; ++x) *out++ = table[from[x * step]];
  }
}

void normalise_float(const Image& image, std::int64_t channel, float scale, float mean, float std,
                     bool flip, float* out) {
  const std::int64_t channels = image.channels();
  const std::int64_t step = flip ? -channels : channels;
  for (std::int64_t y = 0; y < image.height(); ++y) {
    const float* from = image.row<float>(y) + channel + (flip ? (image.width() - 1) * channels : 0);
    for (std::int64_t x = 0; x < image.width(); ++x) *out++ = (from[x * step] / scale - mean) / std;
  }
}

}  // namespace

Box random_crop(Size image, const CropRange& range, const DrawKey& key) {
  constexpr int kAttempts = 10;
  CounterRandom random(key.seed, key.epoch, key.index, Purpose::crop);
  const auto height = static_cast<double>(image.height);
  const auto width = static_cast<double>(image.width);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double area = height * width * random.uniform(range.min_scale, range.max_scale);
    const double ratio =
        std::exp(random.uniform(std::log(range.min_ratio), std::log(range.max_ratio)));
    const std::int64_t w = round_to_int(std::sqrt(area * ratio));
    const std::int64_t h = round_to_int(std::sqrt(area / ratio));
    if (w < 1 || w > image.width || h < 1 || h > image.height) continue;
    const auto top = random.below(static_cast<std::uint64_t>(image.height - h + 1));
    const auto left = random.below(static_cast<std::uint64_t>(image.width - w + 1));
    return {static_cast<std::int64_t>(top), static_cast<std::int64_t>(left), h, w};
  }
  std::int64_t w = image.width;
  std::int64_t h = image.height;
  if (width / height < range.min_ratio) h = round_to_int(width / range.min_ratio);
  if (width / height > range.max_ratio) w = round_to_int(height * range.max_ratio);
  h = std::clamp<std::int64_t>(h, 1, image.height);
  w = std::clamp<std::int64_t>(w, 1, image.width);
  return {(image.height - h) / 2, (image.width - w) / 2, h, w};
}

bool random_flip(const DrawKey& key) {
  return CounterRandom(key.seed, key.epoch, key.index, Purpose::flip).uniform() < 0.5F;
}

CentreCrop centre_crop(Size image, Size output) {
  constexpr std::int64_t kLargestWithMargin = 224;
  const auto with_margin = [](std::int64_t side) {
    return side <= kLargestWithMargin ? side * 256 / 224 : side;
  };
  const Size cover{with_margin(output.height), with_margin(output.width)};
  // The side that needs the larger factor decides; the other one follows.
  const bool width_decides = cover.width * image.height >= cover.height * image.width;
  const Size resized = width_decides
                           ? Size{cover.width * image.height / image.width, cover.width}
                           : Size{cover.height, cover.height * image.width / image.height};
  return {resized,
          {centred_offset(resized.height, output.height),
           centred_offset(resized.width, output.width), output.height, output.width}};
}

Normalisation Normalisation::defaults(std::int64_t channels) {
  if (channels == 3) return {{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};
  const std::vector<float> half(static_cast<std::size_t>(channels), 0.5F);
  return {half, half};
}

void check_normalisation(const Normalisation& normalisation, std::int64_t channels) {
  const auto& [mean, std] = normalisation;
  if (channels < 1 || std::ssize(mean) != channels || std::ssize(std) != channels) {
    throw UserError("expected a mean and a standard deviation for each of the " +
                    std::to_string(channels) + " channels, found " + std::to_string(mean.size()) +
                    " and " + std::to_string(std.size()) + ": give one number a channel");
  }
  if (std::any_of(std.begin(), std.end(), [](float s) { return !(s > 0.0F); })) {
    throw UserError("expected standard deviations above 0: give the spread of the pixels in 0..1");
  }
}

void normalise(const std::uint8_t* pixels, Size size, const Normalisation& normalisation, bool flip,
               float* out) {
  const auto& [mean, std] = normalisation;
  const std::int64_t channels = std::ssize(mean);
  if (channels == 3) {
    const std::array tables{normalising_table(mean[0], std[0]), normalising_table(mean[1], std[1]),
                            normalising_table(mean[2], std[2])};
    return flip ? normalise_rgb<-3>(pixels, size, tables, out)
                : normalise_rgb<3>(pixels, size, tables, out);
  }
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto channel = static_cast<std::size_t>(c);
    normalise_channel(pixels + c, size, channels, normalising_table(mean[channel], std[channel]),
                      flip, out + c * size.height * size.width);
  }
}

void normalise(const Image& image, float scale, const Normalisation& normalisation, bool flip,
               float* out) {
  if (image.type() == PixelType::uint8) {
    return normalise(image.row<std::uint8_t>(0), image.size(), normalisation, flip, out);
  }
  const auto& [mean, std] = normalisation;
  const std::int64_t plane = image.height() * image.width();
  for (std::int64_t c = 0; c < image.channels(); ++c) {
    const auto channel = static_cast<std::size_t>(c);
    normalise_float(image, c, scale, mean[channel], std[channel], flip, out + c * plane);
  }
}

SampleTransform::SampleTransform(TransformConfig config)
    : config_(std::move(config)),
      resizer_(config_.fast_decode ? WeightPrecision::coarse : WeightPrecision::full) {
  const Size output = config_.output;
  const std::int64_t channels = config_.decode.channels;
  if (output.height < 1 || output.width < 1) {
    throw UserError("expected an image size of 1 or more, found " + size_text(output) +
                    ": set another size");
  }
  check_normalisation(config_.normalisation, channels);
  if (config_.rand_augment && channels != 3) {
    throw UserError("expected 3 channels for RandAugment, found " + std::to_string(channels) +
                    ": switch it off");
  }
  const CropRange& crop = config_.crop;
  if (!(crop.min_scale > 0 && crop.min_scale <= crop.max_scale && crop.max_scale <= 1)) {
    throw UserError("expected crop scales 0 < min <= max <= 1, found " +
                    std::to_string(crop.min_scale) + " and " + std::to_string(crop.max_scale) +
                    ": choose others");
  }
  if (config_.fast_decode && config_.geometric == Geometric::random_crop) {
    config_.decode.fast_cover = config_.output;
  }
}

std::int64_t SampleTransform::values_per_sample() const {
  const std::array<std::int64_t, 3> shape{config_.decode.channels, config_.output.height,
                                          config_.output.width};
  const std::optional<std::int64_t> values = checked_numel(shape);
  if (!values) {
    throw UserError("an image of " + std::to_string(shape[0]) + " channels and " +
                    std::to_string(shape[1]) + "x" + std::to_string(shape[2]) +
                    " pixels is too large: choose a smaller size");
  }
  return *values;
}

void SampleTransform::apply(EncodedBytes encoded, const DrawKey& key, float* out) {
  prepare(encoded, key);
  write(key, out);
}

void SampleTransform::prepare(EncodedBytes encoded, const DrawKey& key) {
  try {
    decode(encoded, key);
    resize();
    augment(key);
  } catch (...) {
    forget_giants();
    throw;
  }
  forget_giants();
}

void SampleTransform::forget_giants() {
  decoded_.forget_giant();
  resizer_.forget_giant();
}

void SampleTransform::decode(EncodedBytes encoded, const DrawKey& key) {
  const auto choose_part = [&](Size stored) {
    return config_.geometric == Geometric::random_crop ? random_crop(stored, config_.crop, key)
                                                       : whole_image(stored);
  };
  part_ = decode_part(encoded, config_.decode, choose_part, decoded_);
  scale_ = full_scale(decoded_.type());
  hint_ = has_hinted_ ? "" : hint_of_scale(decoded_);
}

std::string SampleTransform::take_hint() {
  has_hinted_ = has_hinted_ || !hint_.empty();
  return std::exchange(hint_, {});
}

void SampleTransform::resize() {
  if (config_.geometric == Geometric::random_crop) {
    resizer_.resize(decoded_, part_, config_.output, config_.filter, resized_);
  } else {
    const CentreCrop target = centre_crop(decoded_.size(), config_.output);
    resizer_.resize(decoded_, part_, target.resized, target.window, config_.filter, resized_);
  }
}

void SampleTransform::augment(const DrawKey& key) {
  flip_ = config_.geometric == Geometric::random_crop && config_.flip && random_flip(key);
  if (!config_.rand_augment) return;
  if (resized_.type() != PixelType::uint8) {
    throw UserError("expected 8-bit pixels for RandAugment, found " + to_string(decoded_.type()) +
                    ": switch it off or convert the files");
  }
  if (flip_) mirror(resized_);
  flip_ = false;
  rand_augment(*config_.rand_augment, key, resized_, scratch_);
}

void SampleTransform::write(const DrawKey& key, float* out) const {
  normalise(resized_, scale_, config_.normalisation, flip_, out);
  if (config_.random_erasing) {
    random_erase(*config_.random_erasing, key, resized_.channels(), resized_.size(), out);
  }
}

bool SampleTransform::ends_in_bytes() const {
  return resized_.type() == PixelType::uint8 && !config_.random_erasing;
}

void SampleTransform::write_bytes(std::uint8_t* out) const {
  const std::int64_t channels = resized_.channels();
  const std::int64_t values = resized_.width() * channels;
  for (std::int64_t y = 0; y < resized_.height(); ++y, out += values) {
    const auto* const row = resized_.row<std::uint8_t>(y);
    if (!flip_) {
      std::copy_n(row, values, out);
      continue;
    }
    for (std::int64_t x = 0; x < values; x += channels) {
      std::copy_n(row + x, channels, out + values - channels - x);
    }
  }
}

}  // namespace convmae
