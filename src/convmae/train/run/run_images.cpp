#include "convmae/train/run/run_images.h"

#include "convmae/base/quote.h"
#include "convmae/io/jsonl.h"
#include "convmae/report/image_progress.h"
#include "convmae/train/opened_images.h"
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

}  // namespace

RunImages::RunImages(const TrainingOptions& options, ProgressLine& console, bool needs_classes)
    : options_(options),
      console_(console),
      source_(needs_classes ? opened_labelled_images(options.data, Split::train, "--data",
                                                     most_left_out(options))
                            : opened_images(options.data, Split::train)) {}

void RunImages::list_bad_in(const std::filesystem::path& list) {
  list_ = list;
  known_bad_ = listed_bad_samples(list);
}

std::unique_ptr<BatchStream> RunImages::training_batches(TransformConfig transform,
                                                         std::int64_t epoch, std::int64_t batch) {
  return std::make_unique<LoadedBatches>(training_loader(
      options_, source_, std::move(transform), epoch, batch,
      [this](const BadSample& bad) { note_bad(bad, "replaced"); },
      [this](const std::string& hint) { note_hint(hint); }));
}

ImageReading RunImages::reading_of_all(std::int64_t total, const std::string& what,
                                       const std::function<void()>& check) {
  const auto progress = std::make_shared<ImageProgress>(console_, total, what);
  ImageReading reading = reading_of(options_);
  reading.progress = [check, progress](std::int64_t done) {
    progress->update(done);
    check();
  };
  reading.report_bad = [this](const BadSample& bad) { note_bad(bad, "left out"); };
  reading.hint = [this](const std::string& hint) { note_hint(hint); };
  return reading;
}

void RunImages::note_bad(const BadSample& bad, const std::string& done) {
  const std::string name = as_utf8(bad.name);  // as the list gives it back
  if (!known_bad_.insert(name).second) return;
  console_.message("warning: " + done + " " + printable(name) + ": " + printable(bad.error));
  JsonlWriter(list_).append({{"sample", bad.sample}, {"name", name}, {"error", bad.error}});
}

void RunImages::note_hint(const std::string& hint) {
  if (!std::exchange(has_hinted_, true)) console_.message("warning: " + hint);
}

}  // namespace convmae
