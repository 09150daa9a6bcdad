#include "convmae/train/batches.h"

#include "convmae/base/random.h"
#include "convmae/ops/device.h"
#include "convmae/train/single_pass.h"
#include "convmae/train/step_images.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace convmae {
namespace {

std::vector<float> to_float(const std::vector<double>& values) {
  std::vector<float> result;
  result.reserve(values.size());
  for (const double value : values) result.push_back(static_cast<float>(value));
  return result;
}

bool skips_bad_samples(const TrainingOptions& options) { return options.on_bad_sample == "skip"; }

}  // namespace

Preprocessing preprocessing_of(const TrainingOptions& options) {
  return {options.mean, options.std, options.model_config.encoder.img_size};
}

double most_left_out(const TrainingOptions& options) {
  return skips_bad_samples(options) ? options.max_bad_share : 0;
}

ImageReading reading_of(const TrainingOptions& options) {
  return {.group = nullptr,
          .batch_size = options.batch_size,
          .num_workers = options.num_workers,
          .decode = decoding_of(options),
          .leave_out_bad = skips_bad_samples(options),
          .max_bad_share = options.max_bad_share,
          .report_bad = {},
          .hint = {},
          .progress = {}};
}

void sum_over_processes(const ImageReading& reading, const at::Tensor& counts) {
  if (reading.group != nullptr) reading.group->sum(counts);
}

DecodeOptions decoding_of(const TrainingOptions& options) {
  DecodeOptions decode;
  decode.apply_exif_orientation = options.exif_orientation;
  decode.max_pixels = options.max_pixels;
  return decode;
}

TransformConfig evaluation_transform(const Preprocessing& preprocessing,
                                     const DecodeOptions& decode) {
  TransformConfig transform;
  transform.geometric = Geometric::centre_crop;
  transform.output = preprocessing.size;
  transform.decode = decode;
  transform.decode.channels = std::ssize(preprocessing.mean);
  transform.normalisation = {to_float(preprocessing.mean), to_float(preprocessing.std)};
  return transform;
}

TransformConfig evaluation_transform(const TrainingOptions& options) {
  return evaluation_transform(preprocessing_of(options), decoding_of(options));
}

TransformConfig training_transform(const TrainingOptions& options) {
  TransformConfig transform = evaluation_transform(options);
  transform.geometric = Geometric::random_crop;
  transform.crop.min_scale = options.crop_scale[0];
  transform.crop.max_scale = options.crop_scale[1];
  transform.flip = options.flip;
  transform.fast_decode = options.fast_decode;
  return transform;
}

LoaderConfig training_order(const TrainingOptions& options, std::int64_t images, std::int64_t epoch,
                            std::int64_t batch, std::function<void(const BadSample&)> report_bad,
                            std::function<void(const std::string&)> hint) {
  LoaderConfig config;
  config.batch_size = options.batch_size;
  config.rank = options.rank;
  config.world_size = options.world_size;
  config.epoch_images = epoch_images(options, images);
  config.seed = options.seed;
  config.num_workers = options.num_workers;
  config.on_bad_sample = skips_bad_samples(options) ? OnBadSample::replace : OnBadSample::error;
  // Each process knows of its own alone.
  config.max_bad_share = options.max_bad_share / static_cast<double>(options.world_size);
  config.start_epoch = epoch;
  config.start_step = batch;
  config.end_epoch = options.epochs;
  config.report_bad = std::move(report_bad);
  config.hint = std::move(hint);
  return config;
}

std::unique_ptr<Loader> training_loader(const TrainingOptions& options,
                                        std::shared_ptr<const ImageSource> source,
                                        TransformConfig transform, std::int64_t epoch,
                                        std::int64_t batch,
                                        std::function<void(const BadSample&)> report_bad,
                                        std::function<void(const std::string&)> hint,
                                        BatchMemory memory) {
  LoaderConfig order =
      training_order(options, source->size(), epoch, batch, std::move(report_bad), std::move(hint));
  return std::make_unique<Loader>(std::move(source), std::move(transform), std::move(order),
                                  std::move(memory));
}

LoaderConfig single_pass(const ImageReading& reading, std::int64_t images) {
  LoaderConfig config;
  config.batch_size = std::min(reading.batch_size, images);
  if (reading.group != nullptr) {
    config.rank = reading.group->rank();
    config.world_size = reading.group->size();
  }
  config.num_workers = reading.num_workers;
  config.shuffle = false;
  config.drop_last = false;
  config.on_bad_sample = reading.leave_out_bad ? OnBadSample::leave_out : OnBadSample::error;
  config.max_bad_share = reading.max_bad_share;
  config.report_bad = reading.report_bad;
  config.hint = reading.hint;
  return config;
}

std::unique_ptr<Loader> evaluation_loader(const ImageReading& reading,
                                          const Preprocessing& preprocessing,
                                          std::shared_ptr<const ImageSource> source) {
  LoaderConfig config = single_pass(reading, source->size());
  return std::make_unique<Loader>(
      std::move(source), evaluation_transform(preprocessing, reading.decode), std::move(config));
}

at::Tensor images_of(const Batch& batch, const Preprocessing& preprocessing) {
  const auto channels = static_cast<std::int64_t>(preprocessing.mean.size());
  // The deleter holds the batch's buffer until the tensor is gone.
  return at::from_blob(
      batch.pixels.get(),
      {batch.count, channels, preprocessing.size.height, preprocessing.size.width},
      [pixels = batch.pixels](void*) {}, at::kFloat);
}

at::Tensor mask_noise(std::uint64_t seed, std::uint64_t epoch,
                      std::span<const std::int64_t> positions, std::int64_t length) {
  at::Tensor noise = at::empty({std::ssize(positions), length}, at::kFloat);
  auto* out = noise.mutable_data_ptr<float>();
  for (const std::int64_t position : positions) {
    CounterRandom random(seed, epoch, static_cast<std::uint64_t>(position), Purpose::mask);
    out = std::generate_n(out, length, [&random] { return random.uniform(); });
  }
  return noise;
}

DropPath draw_drop_path(const std::vector<double>& rates, std::uint64_t seed, std::uint64_t epoch,
                        std::span<const std::int64_t> positions, at::Device device) {
  const std::int64_t count = drop_path_draws(rates);
  if (count == 0) return {};
  const at::Tensor draws = at::empty({count, std::ssize(positions)}, at::kFloat);
  auto values = draws.accessor<float, 2>();
  for (std::int64_t i = 0; i < std::ssize(positions); ++i) {
    CounterRandom random(seed, epoch,
                         static_cast<std::uint64_t>(positions[static_cast<std::size_t>(i)]),
                         Purpose::drop_path);
    for (std::int64_t call = 0; call < count; ++call) values[call][i] = random.uniform();
  }
  return drop_path(rates, sent_to(device, draws));
}

}  // namespace convmae
