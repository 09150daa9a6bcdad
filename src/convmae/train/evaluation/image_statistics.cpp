#include "convmae/train/evaluation/image_statistics.h"

#include "convmae/data/loader.h"
#include "convmae/train/evaluation/batches.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace convmae {
namespace {

std::vector<double> numbers(const at::Tensor& values) {
  const auto* const first = values.const_data_ptr<double>();
  return {first, first + values.numel()};
}

}  // namespace

ImageStatistics image_statistics(std::shared_ptr<const ImageSource> source,
                                 const StatisticsReading& reading) {
  const auto channels = static_cast<std::size_t>(reading.channels);
  const Preprocessing unchanged{std::vector<double>(channels, 0.0),
                                std::vector<double>(channels, 1.0), reading.size};
  LoaderConfig config;
  config.batch_size = std::min<std::int64_t>(32, source->size());
  config.num_workers = static_cast<int>(reading.num_workers);
  config.shuffle = false;
  config.drop_last = false;
  config.on_bad_sample = OnBadSample::error;
  Loader loader(std::move(source), evaluation_transform(unchanged, /*exif_orientation=*/false),
                std::move(config));
  at::Tensor sum = at::zeros({reading.channels}, at::kDouble);
  at::Tensor squares = at::zeros({reading.channels}, at::kDouble);
  ImageStatistics result;
  while (const std::optional<Batch> batch = loader.next()) {
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
