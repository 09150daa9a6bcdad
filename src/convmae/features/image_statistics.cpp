#include "convmae/features/image_statistics.h"

#include <ATen/ATen.h>

#include <utility>

namespace convmae {
namespace {

std::vector<double> numbers(const at::Tensor& values) {
  const auto* const first = values.const_data_ptr<double>();
  return {first, first + values.numel()};
}

}  // namespace

ImageStatistics image_statistics(std::shared_ptr<const ImageSource> source, Size size,
                                 std::int64_t channels, const ImageReading& reading) {
  const auto count = static_cast<std::size_t>(channels);
  const Preprocessing unchanged{std::vector<double>(count, 0.0), std::vector<double>(count, 1.0),
                                size};
  const std::unique_ptr<Loader> loader = evaluation_loader(reading, unchanged, std::move(source));
  at::Tensor sum = at::zeros({channels}, at::kDouble);
  at::Tensor squares = at::zeros({channels}, at::kDouble);
  ImageStatistics result;
  while (const std::optional<Batch> batch = loader->next()) {
    const at::Tensor pixels = images_of(*batch, unchanged).to(at::kDouble);
    sum += pixels.mean({2, 3}).sum(0);
    squares += pixels.square().mean({2, 3}).sum(0);
    result.images += batch->count;
    if (reading.progress) reading.progress(result.images);
  }
  const at::Tensor mean = sum / static_cast<double>(result.images);
  const at::Tensor variance = squares / static_cast<double>(result.images) - mean.square();
  result.mean = numbers(mean);
  result.std = numbers(variance.clamp_min(0).sqrt());
  return result;
}

}  // namespace convmae
