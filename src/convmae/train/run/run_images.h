#pragma once

#include "convmae/data/sample.h"
#include "convmae/data/sample_loader.h"
#include "convmae/report/progress.h"
#include "convmae/train/batch_stream.h"
#include "convmae/train/batches.h"
#include "convmae/train/training_options.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace convmae {

/// What a run trains on.
struct TrainingImages {
  std::shared_ptr<const ImageSource> source;
  /// A digest of what is said of the images beside names and classes, such as their boxes: a run
  /// continues with the same alone. Empty if that is nothing.
  std::string annotations{};
};

/// How a task makes samples of its own, and how these become batches.
struct SampleRecipe {
  std::function<SampleLoader<Sample>::Make()> maker;  ///< as SampleLoader's
  std::int64_t channels = 3;
  /// Batches are padded to multiples of this: pad_together.
  std::int64_t multiple = 1;
};

/// The training images of a run, and how it reads these and others: an image that cannot be used is
/// said and listed once a run, whoever meets it.
class RunImages {
 public:
  /// `group`: the processes that share them, or null.
  RunImages(const TrainingOptions& options, ProgressLine& console, ProcessGroup* group,
            TrainingImages images)
      : options_(options), console_(console), group_(group), images_(std::move(images)) {}

  const std::shared_ptr<const ImageSource>& source() const { return images_.source; }
  const std::string& annotations() const { return images_.annotations; }
  /// Where bad images are listed from now on; those that the list has already are known.
  void list_bad_in(const std::filesystem::path& list);
  /// `source` through `transform`, from an epoch's micro-batch on. This object outlives it.
  std::unique_ptr<BatchStream> training_batches(TransformConfig transform, std::int64_t epoch,
                                                std::int64_t batch, BatchMemory memory);
  /// The same in batches of samples (Batch::padded).
  std::unique_ptr<BatchStream> training_samples(const SampleRecipe& recipe, std::int64_t epoch,
                                                std::int64_t batch);
  /// How all images of a set are read, each once, by all processes together: progress is shown as
  /// long as it exists, after each batch `check` is called if this process is alone, and an image
  /// that cannot be used is left out and listed, or ends the run, as the options say.
  ImageReading reading_of_all(std::int64_t total, const std::string& what,
                              const std::function<void()>& check);
  /// In the first of several processes: says and lists what the others have met.
  void hear_of_others();

 private:
  void note_bad(const BadSample& bad, const std::string& done);
  void note_hint(const std::string& hint);
  std::function<void(const BadSample&)> replaced();
  std::function<void(const std::string&)> hinted();

  const TrainingOptions& options_;
  ProgressLine& console_;
  ProcessGroup* group_;
  TrainingImages images_;
  std::filesystem::path list_;
  std::set<std::string> known_bad_;
  bool has_hinted_ = false;
};

}  // namespace convmae
