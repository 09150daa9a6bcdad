#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace convmae {

/// The order in which an epoch visits the samples 0 .. size-1: a Fisher-Yates shuffle whose draws
/// are a function of (seed, epoch). `order[p]` is the sample at position p.
std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::uint64_t epoch, std::int64_t size);

/// The same for samples that lie in shards, numbered shard after shard: shards in random order,
/// their samples through a buffer of which a random one is taken. As good as `epoch_order` where
/// the buffer holds everything; else positions that are close lie in shards that are close in time.
std::vector<std::int64_t> shard_order(std::uint64_t seed, std::uint64_t epoch,
                                      std::span<const std::int64_t> samples_per_shard,
                                      std::int64_t buffer);

/// Positions `begin .. end - 1` of an epoch's order.
struct Slice {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// How an epoch is cut into batches. The global batch of step s covers the next
/// `batch_size * world_size` positions; rank r takes the r-th run of `batch_size` of them. So the
/// global batches depend on the product only, not on how many processes share it.
class BatchPlan {
 public:
  /// Throws UserError if a number is out of range or if there is not one whole global batch and
  /// `drop_last` is set.
  BatchPlan(std::int64_t size, std::int64_t batch_size, std::int64_t rank, std::int64_t world_size,
            bool drop_last);

  /// Whole global batches; without `drop_last` also the incomplete one at the end.
  std::int64_t steps_per_epoch() const;
  /// This rank's part of a step. It may be short or empty in the last step without `drop_last`.
  Slice slice(std::int64_t step) const;

 private:
  std::int64_t size_;
  std::int64_t batch_size_;
  std::int64_t rank_;
  std::int64_t global_batch_;
  bool drop_last_;
};

}  // namespace convmae
