#include "convmae/train/run/run_images.h"

#include "convmae/base/quote.h"
#include "convmae/io/jsonl.h"
#include "convmae/report/image_progress.h"
#include "convmae/train/posted_samples.h"
#include "convmae/train/run/run_setup.h"

#include <optional>
#include <utility>

namespace convmae {
namespace {

/// Images as a loader delivers them.
class LoadedBatches : public BatchStream {
 public:
  explicit LoadedBatches(std::unique_ptr<Loader> loader) : loader_(std::move(loader)) {}
  std::optional<Batch> next() override { return loader_->next(); }
  double seconds_waited() const override { return loader_->seconds_waited(); }

 private:
  std::unique_ptr<Loader> loader_;
};

/// Samples, padded together.
class PaddedBatches : public BatchStream {
 public:
  PaddedBatches(std::shared_ptr<const ImageSource> source, const SampleRecipe& recipe,
                LoaderConfig config)
      : loader_(std::move(source), recipe.maker, std::move(config)),
        channels_(recipe.channels),
        multiple_(recipe.multiple) {}

  std::optional<Batch> next() override {
    std::optional<SampleLoader<Sample>::Batch> made = loader_.next();
    if (!made) return std::nullopt;
    Batch batch;
    batch.epoch = made->epoch;
    batch.step = made->step;
    batch.count = std::ssize(made->made);
    batch.global_indices = std::move(made->global_indices);
    batch.samples = std::move(made->samples);
    batch.padded = std::make_shared<PaddedBatch>(pad_together(made->made, channels_, multiple_));
    return batch;
  }
  double seconds_waited() const override { return loader_.queue().seconds_waited(); }

 private:
  SampleLoader<Sample> loader_;
  std::int64_t channels_;
  std::int64_t multiple_;
};

}  // namespace

void RunImages::list_bad_in(const std::filesystem::path& list) {
  list_ = list;
  known_bad_ = listed_bad_samples(list);
}

std::unique_ptr<BatchStream> RunImages::training_batches(TransformConfig transform,
                                                         std::int64_t epoch, std::int64_t batch,
                                                         BatchMemory memory) {
  return std::make_unique<LoadedBatches>(training_loader(options_, source(), std::move(transform),
                                                         epoch, batch, replaced(), hinted(),
                                                         std::move(memory)));
}

std::unique_ptr<BatchStream> RunImages::training_samples(const SampleRecipe& recipe,
                                                         std::int64_t epoch, std::int64_t batch) {
  return std::make_unique<PaddedBatches>(
      source(), recipe,
      training_order(options_, source()->size(), epoch, batch, replaced(), hinted()));
}

std::function<void(const BadSample&)> RunImages::replaced() {
  return [this](const BadSample& bad) { note_bad(bad, "replaced"); };
}

std::function<void(const std::string&)> RunImages::hinted() {
  return [this](const std::string& hint) { note_hint(hint); };
}

ImageReading RunImages::reading_of_all(std::int64_t total, const std::string& what,
                                       const std::function<void()>& check) {
  const auto progress = std::make_shared<ImageProgress>(console_, total, what);
  ImageReading reading = reading_of(options_);
  reading.group = group_;
  reading.progress = [this, check, progress](std::int64_t done) {
    progress->update(done * options_.world_size);
    // Several end together, and what was trained is safe by now.
    if (group_ == nullptr) check();
  };
  reading.report_bad = [this](const BadSample& bad) { note_bad(bad, "left out"); };
  reading.hint = hinted();
  return reading;
}

void RunImages::note_bad(const BadSample& bad, const std::string& done) {
  const std::string name = as_utf8(bad.name);  // as the list gives it back
  if (!known_bad_.insert(name).second) return;
  if (group_ != nullptr && !group_->is_first()) {
    post_sample(*group_, {bad, done});
    return;
  }
  console_.message("warning: " + done + " " + printable(name) + ": " + printable(bad.error));
  JsonlWriter(list_).append({{"sample", bad.sample}, {"name", name}, {"error", bad.error}});
}

void RunImages::hear_of_others() {
  for (const PostedSample& posted : posted_samples(*group_)) note_bad(posted.bad, posted.done);
}

void RunImages::note_hint(const std::string& hint) {
  if (!std::exchange(has_hinted_, true)) console_.message("warning: " + hint);
}

}  // namespace convmae
