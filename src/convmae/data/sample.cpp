#include "convmae/data/sample.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace convmae {
namespace {

/// `planes` images [from.height, from.width], one after the other, into the corners of planes
/// [to.height, to.width].
template <typename T>
void copy_planes(const std::vector<T>& in, Size from, std::int64_t planes, Size to, T* out) {
  const T* row = in.data();
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    for (std::int64_t y = 0; y < from.height; ++y, row += from.width) {
      std::copy_n(row, from.width, out + (plane * to.height + y) * to.width);
    }
  }
}

std::int64_t rounded_up(std::int64_t length, std::int64_t multiple) {
  return (length + multiple - 1) / multiple * multiple;
}

void check(const Sample& sample, const Sample& first, std::int64_t channels) {
  const std::int64_t area = sample.size.height * sample.size.width;
  const bool whole = std::ssize(sample.pixels) == channels * area &&
                     (!sample.map || std::ssize(sample.map->classes) == area);
  const bool alike = sample.map.has_value() == first.map.has_value() &&
                     sample.objects.has_value() == first.objects.has_value();
  if (!whole || !alike) throw std::logic_error("samples of a batch that do not fit together");
}

}  // namespace

void pad_to(Size size, std::int64_t channels, Sample& sample) {
  check(sample, sample, channels);
  if (size == sample.size) return;
  const auto area = static_cast<std::size_t>(size.height * size.width);
  std::vector<float> pixels(static_cast<std::size_t>(channels) * area);
  copy_planes(sample.pixels, sample.size, channels, size, pixels.data());
  sample.pixels = std::move(pixels);
  if (sample.map) {
    std::vector<std::int16_t> classes(area, LabelMap::kIgnored);
    copy_planes(sample.map->classes, sample.size, 1, size, classes.data());
    sample.map->classes = std::move(classes);
  }
  sample.size = size;
}

PaddedBatch pad_together(std::span<const Sample> samples, std::int64_t channels,
                         std::int64_t multiple) {
  const Sample& first = samples.front();
  PaddedBatch batch;
  for (const Sample& sample : samples) {
    check(sample, first, channels);
    batch.size.height = std::max(batch.size.height, rounded_up(sample.size.height, multiple));
    batch.size.width = std::max(batch.size.width, rounded_up(sample.size.width, multiple));
  }
  const auto area = static_cast<std::size_t>(batch.size.height * batch.size.width);
  const std::size_t values = static_cast<std::size_t>(channels) * area;
  batch.pixels.resize(samples.size() * values);
  if (first.map) batch.maps.resize(samples.size() * area, LabelMap::kIgnored);
  batch.contents.reserve(samples.size());
  batch.originals.reserve(samples.size());
  batch.labels.reserve(samples.size());
  if (first.objects) batch.objects.reserve(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    copy_planes(sample.pixels, sample.size, channels, batch.size, batch.pixels.data() + i * values);
    if (sample.map) {
      copy_planes(sample.map->classes, sample.size, 1, batch.size, batch.maps.data() + i * area);
    }
    batch.contents.push_back(sample.content);
    batch.originals.push_back(sample.original);
    batch.labels.push_back(sample.label);
    if (sample.objects) batch.objects.push_back(*sample.objects);
  }
  return batch;
}

}  // namespace convmae
