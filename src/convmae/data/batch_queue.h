#pragma once

#include "convmae/data/batch_plan.h"
#include "convmae/data/draw_key.h"
#include "convmae/data/sources/source.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

namespace convmae {

/// What becomes of a sample that cannot be used.
enum class OnBadSample {
  replace,    ///< another one takes its place: training
  leave_out,  ///< its batch is so much shorter: where every sample counts for itself
  error,      ///< `next` throws
};

/// A sample that could not be read or decoded.
struct BadSample {
  std::int64_t sample = 0;
  std::string name;
  std::string error;
};

struct LoaderConfig {
  std::int64_t batch_size = 64;  ///< of this rank
  std::int64_t rank = 0;
  std::int64_t world_size = 1;
  /// An epoch visits so many positions of its order, from the first on; 0: all.
  std::int64_t epoch_images = 0;
  bool shuffle = true;
  bool drop_last = true;
  std::uint64_t seed = 0;
  std::int64_t start_epoch = 0;
  std::int64_t start_step = 0;   ///< within `start_epoch`
  std::int64_t end_epoch = 1;    ///< the first epoch that is not delivered
  std::int64_t num_workers = 2;  ///< 0: `next` does the work itself
  std::int64_t prefetch = 3;     ///< batches in work or waiting, at most

  OnBadSample on_bad_sample = OnBadSample::replace;
  /// More distinct bad samples than this share of the source stop the run; one is always allowed,
  /// but never all of them.
  double max_bad_share = 0.001;
  /// Called by `next`, once for each distinct bad sample, in an order that does not depend on
  /// threads.
  std::function<void(const BadSample&)> report_bad;
  /// Called by `next` at most once, with a line on the first image whose values look as if they
  /// were not scaled.
  std::function<void(const std::string&)> hint;
};

/// What a queue's batches consist of. Both functions hold all that they need: threads call them
/// until the queue is gone.
struct BatchRecipe {
  /// Makes the sample of that number of the source, at `place` of what `begin` gave, and returns
  /// what its values suggest (LoaderConfig::hint), mostly nothing. Throws UserError for a bad
  /// sample, of which nothing is left then.
  using Make =
      std::function<std::string(const ImageSource& source, void* memory, std::int64_t place,
                                std::int64_t sample, const DrawKey& key)>;

  /// The memory of a batch of so many samples. Called by the thread that calls `next`.
  std::function<std::shared_ptr<void>(std::int64_t count)> begin;
  /// Called once in each thread, for what it keeps from sample to sample. Does not throw.
  std::function<Make()> maker;
};

/// Delivers batches in a defined order, prepared ahead by worker threads, whatever they consist of.
/// What a batch holds is a function of the source, the recipe, the seed, the epoch, the step and
/// the rank alone.
///
/// A bad sample under OnBadSample::replace is replaced by a draw from the whole source, keyed by
/// the position that it would have had. A batch of which OnBadSample::leave_out leaves nothing, or
/// of which nothing is for this rank, is not delivered.
class BatchQueue {
 public:
  struct Delivery {
    std::int64_t epoch = 0;
    std::int64_t step = 0;
    std::shared_ptr<void> memory;  ///< BatchRecipe::begin's
    /// Of the samples that are there, ascending: all but those that were left out.
    std::vector<std::int64_t> places;
    /// Their positions in the global order of the epoch.
    std::vector<std::int64_t> global_indices;
    /// Which of the source they are (the replacement where one was bad).
    std::vector<std::int64_t> samples;
  };

  /// Throws UserError if the numbers make no sense, if the source has less than one batch or if the
  /// system refuses a thread.
  BatchQueue(std::shared_ptr<const ImageSource> source, BatchRecipe recipe, LoaderConfig config);
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;
  /// Stops the workers after the sample each has in hand.
  ~BatchQueue();

  /// The next batch; nothing after the last one of `end_epoch - 1`. Throws what a worker threw, and
  /// UserError for bad samples that are not allowed; then the queue is at its end.
  std::optional<Delivery> next();

  std::int64_t steps_per_epoch() const { return plan_.steps_per_epoch(); }
  const ImageSource& source() const { return *source_; }
  /// How long `next` has kept its callers in all.
  double seconds_waited() const { return seconds_waited_; }
  std::int64_t bad_samples() const { return std::ssize(known_bad_); }

 private:
  struct Work;

  void schedule();
  void run_worker();
  void stop();
  void load(const BatchRecipe::Make& make, Work& work, std::int64_t place) const;
  std::shared_ptr<Work> take_front();
  void account(const BadSample& bad);
  void settle_failures(Work& work);
  void give_hint(const Work& work);

  std::shared_ptr<const ImageSource> source_;
  BatchRecipe recipe_;
  LoaderConfig config_;
  BatchPlan plan_;

  // Touched by the thread that calls next() alone.
  std::int64_t next_epoch_;
  std::int64_t next_step_;
  std::shared_ptr<const std::vector<std::int64_t>> order_;
  BatchRecipe::Make inline_make_;
  std::unordered_set<std::int64_t> known_bad_;
  double seconds_waited_ = 0;
  bool has_hinted_ = false;

  std::mutex mutex_;
  std::condition_variable work_added_;
  std::condition_variable batch_done_;
  std::deque<std::shared_ptr<Work>> queue_;  // in the order of delivery
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace convmae
