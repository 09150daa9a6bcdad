#pragma once

#include "convmae/data/batch_queue.h"
#include "convmae/data/buffer_pool.h"
#include "convmae/data/transforms.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace convmae {

struct PaddedBatch;

struct Batch {
  std::int64_t epoch = 0;
  std::int64_t step = 0;
  /// Samples; below the batch size in a last, incomplete batch and where some were left out.
  std::int64_t count = 0;
  /// `[count, channels, height, width]`, normalised. Goes back to the loader's pool with its last
  /// owner, so a tensor can wrap it.
  std::shared_ptr<float[]> pixels;
  /// Instead, where the loader was asked for them: `[count, height, width, channels]`, still to be
  /// normalised.
  std::shared_ptr<std::uint8_t[]> bytes;
  /// Positions in the global order of the epoch: what every random draw for a sample is keyed by.
  std::vector<std::int64_t> global_indices;
  /// Which images of the source these are (the replacement where one was bad).
  std::vector<std::int64_t> samples;
  std::vector<std::int64_t> labels;  ///< ImageSource::kNoLabel where there is none
  /// Instead of pixels and labels: images of different sizes with what they show (data/sample.h),
  /// where samples come from a SampleLoader.
  std::shared_ptr<PaddedBatch> padded;
};

/// How the pixels of batches lie in memory.
struct BatchMemory {
  /// As bytes in batches where normalising them is all that is left to do: a quarter as much to
  /// send to a device.
  bool bytes = false;
  MemorySource source = heap_memory;
};

/// A queue of images of one size: workers write their pixels where the batch has them. Every byte
/// of a batch is a function of the source, the transform, the seed, the epoch, the step and the
/// rank alone.
class Loader {
 public:
  /// Throws UserError if the numbers make no sense, if the source has less than one batch or if the
  /// system refuses a thread.
  Loader(const std::shared_ptr<const ImageSource>& source, TransformConfig transform,
         const LoaderConfig& config, const BatchMemory& memory = {});

  /// As BatchQueue::next. Batches handed out outlive the loader.
  std::optional<Batch> next();

  std::int64_t steps_per_epoch() const { return queue_.steps_per_epoch(); }
  const ImageSource& source() const { return queue_.source(); }
  double seconds_waited() const { return queue_.seconds_waited(); }
  std::int64_t bad_samples() const { return queue_.bad_samples(); }

 private:
  Normalisation normalisation_;
  Size size_;
  std::int64_t values_per_sample_;
  BatchQueue queue_;
};

}  // namespace convmae
