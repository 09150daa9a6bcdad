#include "convmae/data/batch_plan.h"

#include "convmae/base/error.h"
#include "convmae/base/random.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

namespace convmae {

namespace {

void shuffle(std::vector<std::int64_t>& order, CounterRandom& random) {
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
}

}  // namespace

std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::uint64_t epoch, std::int64_t size) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  CounterRandom random(seed, epoch, 0, Purpose::order);
  shuffle(order, random);
  return order;
}

std::vector<std::int64_t> shard_order(std::uint64_t seed, std::uint64_t epoch,
                                      std::span<const std::int64_t> samples_per_shard,
                                      std::int64_t buffer) {
  CounterRandom random(seed, epoch, 0, Purpose::order);
  std::vector<std::int64_t> first{0};  // sample of each shard
  for (const std::int64_t count : samples_per_shard) first.push_back(first.back() + count);
  std::vector<std::int64_t> shards(samples_per_shard.size());
  std::iota(shards.begin(), shards.end(), 0);
  shuffle(shards, random);
  std::vector<std::int64_t> order;
  order.reserve(static_cast<std::size_t>(first.back()));
  std::vector<std::int64_t> waiting;
  for (const std::int64_t shard : shards) {
    const auto at = static_cast<std::size_t>(shard);
    for (std::int64_t sample = first[at]; sample < first[at + 1]; ++sample) {
      if (std::ssize(waiting) < buffer) {
        waiting.push_back(sample);
      } else {
        order.push_back(std::exchange(waiting[random.below(waiting.size())], sample));
      }
    }
  }
  shuffle(waiting, random);
  order.insert(order.end(), waiting.begin(), waiting.end());
  return order;
}

BatchPlan::BatchPlan(std::int64_t size, std::int64_t batch_size, std::int64_t rank,
                     std::int64_t world_size, bool drop_last)
    : size_(size),
      batch_size_(batch_size),
      rank_(rank),
      global_batch_(batch_size * world_size),
      drop_last_(drop_last) {
  if (batch_size < 1) {
    throw UserError("expected a batch size of 1 or more, found " + std::to_string(batch_size) +
                    ": set another one");
  }
  if (world_size < 1 || rank < 0 || rank >= world_size) {
    throw UserError("expected a rank below the world size of " + std::to_string(world_size) +
                    ", found " + std::to_string(rank) + ": check the launch environment");
  }
  if (drop_last && size < global_batch_) {
    throw UserError("expected at least one global batch of " + std::to_string(global_batch_) +
                    " images, found " + std::to_string(size) +
                    ": choose a smaller batch size or add images");
  }
}

std::int64_t BatchPlan::steps_per_epoch() const {
  return (size_ + (drop_last_ ? 0 : global_batch_ - 1)) / global_batch_;
}

Slice BatchPlan::slice(std::int64_t step) const {
  const std::int64_t begin = step * global_batch_ + rank_ * batch_size_;
  return {std::min(begin, size_), std::min(begin + batch_size_, size_)};
}

}  // namespace convmae
