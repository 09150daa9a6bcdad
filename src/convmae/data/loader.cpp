#include "convmae/data/loader.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace convmae {
namespace {

/// Where batches come from.
struct Pools {
  BufferPool floats;
  std::optional<BufferPool> bytes;  ///< if they are asked for
};

/// What workers write to, each to its own places.
class Memory {
 public:
  Memory(const Pools& pools, std::int64_t count)
      : labels(static_cast<std::size_t>(count)),
        is_float_(static_cast<std::size_t>(count)),
        pool_(pools.floats) {
    if (pools.bytes) {
      bytes_ = values_in<std::uint8_t>(pools.bytes->take());
    } else {
      make_floats();
    }
  }

  /// Null if none are asked for.
  std::uint8_t* bytes() const { return bytes_.get(); }
  /// For a place that bytes cannot hold.
  float* floats(std::int64_t place) {
    is_float_[static_cast<std::size_t>(place)] = 1;
    std::call_once(has_floats_, [this] { make_floats(); });
    return floats_.get();
  }
  bool is_float(std::int64_t place) const {
    return is_float_[static_cast<std::size_t>(place)] != 0;
  }

  std::shared_ptr<float[]> floats() const { return floats_; }
  std::shared_ptr<std::uint8_t[]> shared_bytes() const { return bytes_; }

  std::vector<std::int64_t> labels;

 private:
  void make_floats() {
    if (!floats_) floats_ = values_in<float>(pool_.take());
  }

  std::vector<char> is_float_;
  BufferPool pool_;
  std::shared_ptr<std::uint8_t[]> bytes_;
  std::once_flag has_floats_;
  std::shared_ptr<float[]> floats_;
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
      transform_.prepare(bytes_, key);
      if (memory.bytes() != nullptr && transform_.ends_in_bytes()) {
        transform_.write_bytes(memory.bytes() + place * values_per_sample_);
      } else {
        transform_.write(key, memory.floats(place) + place * values_per_sample_);
      }
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

BatchRecipe recipe_of(TransformConfig transform, Pools pools) {
  BatchRecipe recipe;
  recipe.begin = [pools = std::move(pools)](std::int64_t count) {
    return std::make_shared<Memory>(pools, count);
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

Pools pools_of(std::int64_t values, const BatchMemory& memory) {
  Pools pools{BufferPool(values * static_cast<std::int64_t>(sizeof(float)), memory.source), {}};
  if (memory.bytes) pools.bytes.emplace(values, memory.source);
  return pools;
}

}  // namespace

Loader::Loader(const std::shared_ptr<const ImageSource>& source, TransformConfig transform,
               const LoaderConfig& config, const BatchMemory& memory)
    : normalisation_(transform.normalisation),
      size_(transform.output),
      values_per_sample_(SampleTransform(transform).values_per_sample()),
      queue_(source,
             recipe_of(std::move(transform),
                       pools_of(values_of(std::min(config.batch_size, source->size()),
                                          values_per_sample_),
                                memory)),
             config) {}

std::optional<Batch> Loader::next() {
  std::optional<BatchQueue::Delivery> delivery = queue_.next();
  if (!delivery) return std::nullopt;
  auto& memory = *static_cast<Memory*>(delivery->memory.get());
  const std::vector<std::int64_t>& places = delivery->places;
  const auto values = static_cast<std::size_t>(values_per_sample_);
  const std::shared_ptr<float[]> pixels = memory.floats();
  for (std::size_t kept = 0; kept < places.size(); ++kept) {
    const auto place = static_cast<std::size_t>(places[kept]);
    memory.labels[kept] = memory.labels[place];
    if (pixels && !memory.is_float(places[kept])) {
      normalise(memory.bytes() + place * values, size_, normalisation_, /*flip=*/false,
                pixels.get() + kept * values);
    } else if (kept != place) {  // samples before it were left out
      if (pixels)
        std::copy_n(pixels.get() + place * values, values, pixels.get() + kept * values);
      else
        std::copy_n(memory.bytes() + place * values, values, memory.bytes() + kept * values);
    }
  }
  memory.labels.resize(places.size());
  Batch batch;
  batch.epoch = delivery->epoch;
  batch.step = delivery->step;
  batch.count = std::ssize(places);
  batch.pixels = pixels;
  if (!pixels) batch.bytes = memory.shared_bytes();
  batch.global_indices = std::move(delivery->global_indices);
  batch.samples = std::move(delivery->samples);
  batch.labels = std::move(memory.labels);
  return batch;
}

}  // namespace convmae
