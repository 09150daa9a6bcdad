#pragma once

#include "convmae/data/batch_queue.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// A queue of whatever a task makes of a sample. Each sample has memory of its own; the task puts
/// those of a batch together.
template <typename T>
class SampleLoader {
 public:
  /// Makes the sample of that number of the source. Throws UserError for a bad one.
  using Make = std::function<T(const ImageSource& source, std::int64_t sample, const DrawKey& key)>;

  struct Batch {
    std::int64_t epoch = 0;
    std::int64_t step = 0;
    std::vector<T> made;
    std::vector<std::int64_t> global_indices;  ///< as BatchQueue::Delivery
    std::vector<std::int64_t> samples;         ///< as BatchQueue::Delivery
  };

  /// `maker` is called once in each thread, for what it keeps from sample to sample, and does not
  /// throw. Throws what BatchQueue's constructor throws.
  SampleLoader(std::shared_ptr<const ImageSource> source, std::function<Make()> maker,
               LoaderConfig config)
      : queue_(std::move(source), recipe_of(std::move(maker)), std::move(config)) {}

  /// As BatchQueue::next.
  std::optional<Batch> next() {
    std::optional<BatchQueue::Delivery> delivery = queue_.next();
    if (!delivery) return std::nullopt;
    Memory& memory = memory_of(delivery->memory.get());
    Batch batch{delivery->epoch,
                delivery->step,
                {},
                std::move(delivery->global_indices),
                std::move(delivery->samples)};
    batch.made.reserve(delivery->places.size());
    for (const std::int64_t place : delivery->places) {
      batch.made.push_back(std::move(*memory[static_cast<std::size_t>(place)]));
    }
    return batch;
  }

  const BatchQueue& queue() const { return queue_; }

 private:
  using Memory = std::vector<std::optional<T>>;

  static Memory& memory_of(void* memory) { return *static_cast<Memory*>(memory); }

  static BatchRecipe recipe_of(std::function<Make()> maker) {
    BatchRecipe recipe;
    recipe.begin = [](std::int64_t count) {
      return std::make_shared<Memory>(static_cast<std::size_t>(count));
    };
    recipe.maker = [maker = std::move(maker)] {
      return [make = maker()](const ImageSource& source, void* memory, std::int64_t place,
                              std::int64_t sample, const DrawKey& key) {
        memory_of(memory)[static_cast<std::size_t>(place)].emplace(make(source, sample, key));
        return std::string();
      };
    };
    return recipe;
  }

  BatchQueue queue_;
};

}  // namespace convmae
