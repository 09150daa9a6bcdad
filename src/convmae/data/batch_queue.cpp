#include "convmae/data/batch_queue.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/random.h"
#include "convmae/base/threads.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

namespace convmae {

/// A batch in the making. Its numbers are guarded by the queue's mutex; its arrays are written
/// without it, each element by the one thread that took the sample.
struct BatchQueue::Work {
  Delivery delivery;
  std::int64_t count = 0;
  std::shared_ptr<const std::vector<std::int64_t>> order;  // null: samples in their own order
  std::int64_t taken = 0;
  std::int64_t done = 0;
  std::vector<std::vector<BadSample>> failures;
  std::vector<std::exception_ptr> errors;
  std::vector<std::string> hints;
};

namespace {

void check(const LoaderConfig& config, std::int64_t steps_per_epoch) {
  const bool valid_range = config.start_epoch >= 0 && config.start_step >= 0 &&
                           config.start_step <= steps_per_epoch && config.prefetch >= 1;
  if (!valid_range || config.num_workers < 0) {
    throw UserError(
        "expected a first step of at most " + std::to_string(steps_per_epoch) +
        " (steps of an epoch), 0 or more workers and 1 or more prefetched batches, found " +
        std::to_string(config.start_step) + ", " + std::to_string(config.num_workers) + " and " +
        std::to_string(config.prefetch) +
        ": use the data and batch size of the run that is continued");
  }
}

}  // namespace

BatchQueue::BatchQueue(std::shared_ptr<const ImageSource> source, BatchRecipe recipe,
                       LoaderConfig config)
    : source_(std::move(source)),
      recipe_(std::move(recipe)),
      config_(std::move(config)),
      plan_(config_.epoch_images > 0 ? config_.epoch_images : source_->size(), config_.batch_size,
            config_.rank, config_.world_size, config_.drop_last),
      next_epoch_(config_.start_epoch),
      next_step_(config_.start_step) {
  check(config_, plan_.steps_per_epoch());
  if (config_.num_workers == 0) {
    inline_make_ = recipe_.maker();
    return;
  }
  require_thread_count(config_.num_workers, "--num_workers");
  schedule();
  threads_ = start_threads(
      config_.num_workers, [this] { run_worker(); }, [this] { stop(); }, "--num_workers");
}

BatchQueue::~BatchQueue() {
  stop();
  for (std::thread& thread : threads_) thread.join();
}

/// Lets the workers end.
void BatchQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_added_.notify_all();
}

/// Fills the queue with the next batches, up to the limit.
void BatchQueue::schedule() {
  const std::int64_t limit = config_.num_workers == 0 ? 1 : config_.prefetch;
  while (std::ssize(queue_) < limit) {  // only this thread changes the queue's length
    if (next_step_ >= plan_.steps_per_epoch()) {
      ++next_epoch_;
      next_step_ = 0;
      order_.reset();
    }
    if (next_epoch_ >= config_.end_epoch || plan_.steps_per_epoch() == 0) return;
    if (config_.shuffle && !order_) {
      order_ = std::make_shared<const std::vector<std::int64_t>>(
          source_->shuffled(config_.seed, static_cast<std::uint64_t>(next_epoch_)));
    }
    const Slice slice = plan_.slice(next_step_);
    auto work = std::make_shared<Work>();
    work->order = order_;
    work->count = slice.end - slice.begin;
    const auto count = static_cast<std::size_t>(work->count);
    Delivery& delivery = work->delivery;
    delivery.epoch = next_epoch_;
    delivery.step = next_step_++;
    delivery.memory = recipe_.begin(work->count);
    delivery.places.resize(count);
    std::iota(delivery.places.begin(), delivery.places.end(), 0);
    delivery.global_indices.resize(count);
    std::iota(delivery.global_indices.begin(), delivery.global_indices.end(), slice.begin);
    delivery.samples.resize(count);
    work->failures.resize(count);
    work->errors.resize(count);
    work->hints.resize(count);
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(work));
    }
    work_added_.notify_all();
  }
}

void BatchQueue::run_worker() {
  const BatchRecipe::Make make = recipe_.maker();
  std::unique_lock lock(mutex_);
  while (true) {
    std::shared_ptr<Work> work;
    work_added_.wait(lock, [this, &work] {
      const auto open = std::find_if(queue_.begin(), queue_.end(), [](const auto& candidate) {
        return candidate->taken < candidate->count;
      });
      if (open != queue_.end()) work = *open;
      return stopping_ || work;
    });
    if (stopping_) return;
    const std::int64_t place = work->taken++;
    lock.unlock();
    load(make, *work, place);
    lock.lock();
    if (++work->done == work->count) batch_done_.notify_all();
  }
}

/// Prepares one sample; never throws.
void BatchQueue::load(const BatchRecipe::Make& make, Work& work, std::int64_t place) const {
  constexpr int kAttempts = 20;
  const auto i = static_cast<std::size_t>(place);
  Delivery& delivery = work.delivery;
  const std::int64_t position = delivery.global_indices[i];
  const DrawKey key{config_.seed, static_cast<std::uint64_t>(delivery.epoch),
                    static_cast<std::uint64_t>(position)};
  try {
    CounterRandom replacement(key.seed, key.epoch, key.index, Purpose::replacement);
    std::int64_t sample = work.order ? (*work.order)[static_cast<std::size_t>(position)] : position;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      try {
        work.hints[i] = make(*source_, delivery.memory.get(), place, sample, key);
        delivery.samples[i] = sample;
        return;
      } catch (const UserError& error) {
        work.failures[i].push_back({sample, source_->name(sample), error.what()});
        if (config_.on_bad_sample == OnBadSample::error) {
          throw UserError("cannot use " + quote(source_->name(sample)) + ": " + error.what() +
                          " (--on_bad_sample skip passes over it)");
        }
        if (config_.on_bad_sample == OnBadSample::leave_out) return;
        sample = static_cast<std::int64_t>(
            replacement.below(static_cast<std::uint64_t>(source_->size())));
      }
    }
    const BadSample& last = work.failures[i].back();
    throw UserError("found " + std::to_string(kAttempts) +
                    " unusable images in a row, the last is " + quote(last.name) + ": " +
                    last.error + ": check the data");
  } catch (...) {
    work.errors[i] = std::current_exception();
  }
}

/// Takes the next batch off the queue when all its samples are there.
std::shared_ptr<BatchQueue::Work> BatchQueue::take_front() {
  if (inline_make_) {
    Work& work = *queue_.front();
    while (work.done < work.count) load(inline_make_, work, work.done++);
  }
  std::unique_lock lock(mutex_);
  batch_done_.wait(lock, [this] { return queue_.front()->done == queue_.front()->count; });
  std::shared_ptr<Work> work = std::move(queue_.front());
  queue_.pop_front();
  return work;
}

void BatchQueue::account(const BadSample& bad) {
  if (!known_bad_.insert(bad.sample).second) return;
  if (config_.report_bad) config_.report_bad(bad);
  if (bad_samples() == source_->size()) {
    throw UserError("none of the " + std::to_string(source_->size()) +
                    " images can be used, the last is " + quote(bad.name) + ": " + bad.error +
                    ": check the data");
  }
  const auto share = config_.max_bad_share * static_cast<double>(source_->size());
  const std::int64_t allowed = std::max<std::int64_t>(1, static_cast<std::int64_t>(share));
  if (bad_samples() <= allowed) return;
  throw UserError("found " + std::to_string(bad_samples()) + " unusable images of " +
                  std::to_string(source_->size()) + ", more than the " + std::to_string(allowed) +
                  " allowed; the last is " + quote(bad.name) + ": " + bad.error +
                  ": repair or remove them, or raise --max_bad_share");
}

/// Each worker hints at the first such image that it loads. Workers take images in order, so that
/// of all the first is among them: the line does not depend on threads.
void BatchQueue::give_hint(const Work& work) {
  if (has_hinted_ || !config_.hint) return;
  for (std::size_t i = 0; i < work.hints.size(); ++i) {
    if (work.hints[i].empty()) continue;
    has_hinted_ = true;
    return config_.hint(quote(source_->name(work.delivery.samples[i])) + " has " + work.hints[i]);
  }
}

/// Reports the samples of a batch that failed, throws what is to be thrown, and leaves out
/// what is to be left out.
void BatchQueue::settle_failures(Work& work) {
  Delivery& delivery = work.delivery;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < work.failures.size(); ++i) {
    if (config_.on_bad_sample != OnBadSample::error) {
      for (const BadSample& bad : work.failures[i]) account(bad);
    }
    if (work.errors[i]) std::rethrow_exception(work.errors[i]);
    if (config_.on_bad_sample == OnBadSample::leave_out && !work.failures[i].empty()) continue;
    delivery.places[kept] = delivery.places[i];
    delivery.global_indices[kept] = delivery.global_indices[i];
    delivery.samples[kept] = delivery.samples[i];
    ++kept;
  }
  delivery.places.resize(kept);
  delivery.global_indices.resize(kept);
  delivery.samples.resize(kept);
}

std::optional<BatchQueue::Delivery> BatchQueue::next() {
  const auto begin = std::chrono::steady_clock::now();
  std::shared_ptr<Work> work;
  bool nothing_left = true;
  while (nothing_left) {
    schedule();
    if (queue_.empty()) return std::nullopt;
    work = take_front();
    give_hint(*work);
    try {
      settle_failures(*work);
    } catch (...) {
      config_.end_epoch = next_epoch_;  // nothing more is scheduled
      const std::lock_guard lock(mutex_);
      queue_.clear();
      throw;
    }
    nothing_left = work->delivery.places.empty();
  }
  schedule();
  const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - begin;
  seconds_waited_ += waited.count();
  return std::move(work->delivery);
}

}  // namespace convmae
