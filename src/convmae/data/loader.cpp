#include "convmae/data/loader.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"

#include <algorithm>
#include <string>
#include <utility>

namespace convmae {
namespace {

/// What workers write to, each to its own places.
struct Memory {
  std::shared_ptr<float[]> pixels;
  std::vector<std::int64_t> labels;
};

std::int64_t values_of(std::int64_t samples, std::int64_t values_per_sample) {
  constexpr std::int64_t kMostValues = INT64_MAX / static_cast<std::int64_t>(sizeof(float));
  const std::optional<std::int64_t> values = checked_multiply(samples, values_per_sample);
  if (values && *values <= kMostValues) return *values;
  throw UserError("a batch of " + std::to_string(samples) + " images with " +
                  std::to_string(values_per_sample) +
                  " values each is too large: choose a smaller batch or image size");
}

/// What a thread keeps from sample to sample.
class Worker {
 public:
  explicit Worker(const TransformConfig& config)
      : transform_(config), values_per_sample_(transform_.values_per_sample()) {}

  std::string make(const ImageSource& source, Memory& memory, std::int64_t place,
                   std::int64_t sample, const DrawKey& key) {
    try {
      source.read(sample, bytes_);
      transform_.apply(bytes_, key, memory.pixels.get() + place * values_per_sample_);
    } catch (...) {
      forget_giant();
      throw;
    }
    forget_giant();
    memory.labels[static_cast<std::size_t>(place)] = source.label(sample);
    return transform_.take_hint();
  }

 private:
  void forget_giant() {
    if (static_cast<std::int64_t>(bytes_.capacity()) > Image::kKept) {
      std::vector<std::uint8_t>().swap(bytes_);
    }
  }

  SampleTransform transform_;
  std::int64_t values_per_sample_;
  std::vector<std::uint8_t> bytes_;
};

BatchRecipe recipe_of(TransformConfig transform, BufferPool pool) {
  BatchRecipe recipe;
  recipe.begin = [pool = std::move(pool)](std::int64_t count) mutable {
    return std::make_shared<Memory>(
        Memory{pool.take(), std::vector<std::int64_t>(static_cast<std::size_t>(count))});
  };
  recipe.maker = [transform = std::move(transform)] {
    return [worker = std::make_shared<Worker>(transform)](const ImageSource& source, void* memory,
                                                          std::int64_t place, std::int64_t sample,
                                                          const DrawKey& key) {
      return worker->make(source, *static_cast<Memory*>(memory), place, sample, key);
    };
  };
  return recipe;
}

}  // namespace

Loader::Loader(std::shared_ptr<const ImageSource> source, TransformConfig transform,
               LoaderConfig config)
    : values_per_sample_(SampleTransform(transform).values_per_sample()),
      pool_(values_of(std::min(config.batch_size, source->size()), values_per_sample_)),
      queue_(std::move(source), recipe_of(std::move(transform), pool_), std::move(config)) {}

std::optional<Batch> Loader::next() {
  std::optional<BatchQueue::Delivery> delivery = queue_.next();
  if (!delivery) return std::nullopt;
  auto& memory = *static_cast<Memory*>(delivery->memory.get());
  const std::vector<std::int64_t>& places = delivery->places;
  const auto values = static_cast<std::size_t>(values_per_sample_);
  for (std::size_t kept = 0; kept < places.size(); ++kept) {
    const auto place = static_cast<std::size_t>(places[kept]);
    if (kept == place) continue;  // else samples before it were left out
    float* const pixels = memory.pixels.get();
    std::copy_n(pixels + place * values, values, pixels + kept * values);
    memory.labels[kept] = memory.labels[place];
  }
  memory.labels.resize(places.size());
  Batch batch;
  batch.epoch = delivery->epoch;
  batch.step = delivery->step;
  batch.count = std::ssize(places);
  batch.pixels = std::move(memory.pixels);
  batch.global_indices = std::move(delivery->global_indices);
  batch.samples = std::move(delivery->samples);
  batch.labels = std::move(memory.labels);
  return batch;
}

}  // namespace convmae
