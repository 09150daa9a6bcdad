#include "convmae/data/loader.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/threads.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace convmae {

/// A batch in the making. Its numbers are guarded by the loader's mutex; its arrays are written
/// without it, each element by the one thread that took the sample.
struct Loader::Work {
  Batch batch;
  std::shared_ptr<const std::vector<std::int64_t>> order;  // null: samples in their own order
  std::int64_t taken = 0;
  std::int64_t done = 0;
  std::vector<std::vector<BadSample>> failures;
  std::vector<std::exception_ptr> errors;
  std::vector<std::string> hints;
};

/// What a thread keeps from sample to sample.
struct Loader::Worker {
  explicit Worker(const TransformConfig& config) : transform(config) {}
  SampleTransform transform;
  std::vector<std::uint8_t> bytes;

  void forget_giant() {
    if (static_cast<std::int64_t>(bytes.capacity()) > Image::kKept) {
      std::vector<std::uint8_t>().swap(bytes);
    }
  }
};

namespace {

std::int64_t samples_per_batch(const LoaderConfig& config, const ImageSource& source) {
  return std::min(config.batch_size, source.size());
}

std::int64_t values_of(std::int64_t samples, std::int64_t values_per_sample) {
  constexpr std::int64_t kMostValues = INT64_MAX / static_cast<std::int64_t>(sizeof(float));
  const std::optional<std::int64_t> values = checked_multiply(samples, values_per_sample);
  if (values && *values <= kMostValues) return *values;
  throw UserError("a batch of " + std::to_string(samples) + " images with " +
                  std::to_string(values_per_sample) +
                  " values each is too large: choose a smaller batch or image size");
}

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

Loader::Loader(std::shared_ptr<const ImageSource> source, TransformConfig transform,
               LoaderConfig config)
    : source_(std::move(source)),
      transform_(std::move(transform)),
      config_(std::move(config)),
      plan_(source_->size(), config_.batch_size, config_.rank, config_.world_size,
            config_.drop_last),
      values_per_sample_(SampleTransform(transform_).values_per_sample()),
      pool_(values_of(samples_per_batch(config_, *source_), values_per_sample_)),
      next_epoch_(config_.start_epoch),
      next_step_(config_.start_step) {
  check(config_, plan_.steps_per_epoch());
  if (config_.num_workers == 0) {
    inline_worker_ = std::make_unique<Worker>(transform_);
    return;
  }
  require_thread_count(config_.num_workers, "--num_workers");
  schedule();
  threads_ = start_threads(
      config_.num_workers, [this] { run_worker(); }, [this] { stop(); }, "--num_workers");
}

Loader::~Loader() {
  stop();
  for (std::thread& thread : threads_) thread.join();
}

/// Lets the workers end.
void Loader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_added_.notify_all();
}

/// Fills the queue with the next batches, up to the limit.
void Loader::schedule() {
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
    Batch& batch = work->batch;
    batch.epoch = next_epoch_;
    batch.step = next_step_++;
    batch.count = slice.end - slice.begin;
    batch.pixels = pool_.take();
    const auto count = static_cast<std::size_t>(batch.count);
    for (std::int64_t p = slice.begin; p < slice.end; ++p) batch.global_indices.push_back(p);
    batch.samples.resize(count);
    batch.labels.resize(count);
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

void Loader::run_worker() {
  Worker worker(transform_);
  std::unique_lock lock(mutex_);
  while (true) {
    std::shared_ptr<Work> work;
    work_added_.wait(lock, [this, &work] {
      const auto open = std::find_if(queue_.begin(), queue_.end(), [](const auto& candidate) {
        return candidate->taken < candidate->batch.count;
      });
      if (open != queue_.end()) work = *open;
      return stopping_ || work;
    });
    if (stopping_) return;
    const std::int64_t index = work->taken++;
    lock.unlock();
    load(worker, *work, index);
    lock.lock();
    if (++work->done == work->batch.count) batch_done_.notify_all();
  }
}

/// Prepares one sample; never throws.
void Loader::load(Worker& worker, Work& work, std::int64_t index) const {
  constexpr int kAttempts = 20;
  const auto i = static_cast<std::size_t>(index);
  Batch& batch = work.batch;
  const std::int64_t position = batch.global_indices[i];
  const DrawKey key{config_.seed, static_cast<std::uint64_t>(batch.epoch),
                    static_cast<std::uint64_t>(position)};
  try {
    CounterRandom replacement(key.seed, key.epoch, key.index, Purpose::replacement);
    std::int64_t sample = work.order ? (*work.order)[static_cast<std::size_t>(position)] : position;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      try {
        source_->read(sample, worker.bytes);
        worker.transform.apply(worker.bytes, key, batch.pixels.get() + index * values_per_sample_);
        worker.forget_giant();
        work.hints[i] = worker.transform.take_hint();
        batch.samples[i] = sample;
        batch.labels[i] = source_->label(sample);
        return;
      } catch (const UserError& error) {
        worker.forget_giant();
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
std::shared_ptr<Loader::Work> Loader::take_front() {
  if (inline_worker_) {
    Work& work = *queue_.front();
    while (work.done < work.batch.count) load(*inline_worker_, work, work.done++);
  }
  std::unique_lock lock(mutex_);
  batch_done_.wait(lock, [this] { return queue_.front()->done == queue_.front()->batch.count; });
  std::shared_ptr<Work> work = std::move(queue_.front());
  queue_.pop_front();
  return work;
}

void Loader::account(const BadSample& bad) {
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
void Loader::give_hint(const Work& work) {
  if (has_hinted_ || !config_.hint) return;
  for (std::size_t i = 0; i < work.hints.size(); ++i) {
    if (work.hints[i].empty()) continue;
    has_hinted_ = true;
    return config_.hint(quote(source_->name(work.batch.samples[i])) + " has " + work.hints[i]);
  }
}

/// Reports the samples of a batch that failed, throws what is to be thrown, and closes the gaps
/// that samples left.
void Loader::settle_failures(Work& work) {
  Batch& batch = work.batch;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < work.failures.size(); ++i) {
    if (config_.on_bad_sample != OnBadSample::error) {
      for (const BadSample& bad : work.failures[i]) account(bad);
    }
    if (work.errors[i]) std::rethrow_exception(work.errors[i]);
    if (config_.on_bad_sample == OnBadSample::leave_out && !work.failures[i].empty()) continue;
    if (kept < i) {
      const auto values = static_cast<std::size_t>(values_per_sample_);
      std::copy_n(batch.pixels.get() + i * values, values, batch.pixels.get() + kept * values);
      batch.global_indices[kept] = batch.global_indices[i];
      batch.samples[kept] = batch.samples[i];
      batch.labels[kept] = batch.labels[i];
    }
    ++kept;
  }
  batch.global_indices.resize(kept);
  batch.samples.resize(kept);
  batch.labels.resize(kept);
  batch.count = static_cast<std::int64_t>(kept);
}

std::optional<Batch> Loader::next() {
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
    nothing_left = work->batch.count == 0 && !work->failures.empty();
  }
  schedule();
  const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - begin;
  seconds_waited_ += waited.count();
  return std::move(work->batch);
}

}  // namespace convmae
