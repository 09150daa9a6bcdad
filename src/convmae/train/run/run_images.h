#pragma once

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

namespace convmae {

/// The training images of a run, and how it reads these and others: an image that cannot be used is
/// said and listed once a run, whoever meets it.
class RunImages {
 public:
  /// Opens those that the options name. `needs_classes`: images without a class are of no use.
  RunImages(const TrainingOptions& options, ProgressLine& console, bool needs_classes);

  const std::shared_ptr<const ImageSource>& source() const { return source_; }
  /// Where bad images are listed from now on; those that the list has already are known.
  void list_bad_in(const std::filesystem::path& list);
  /// `source` through `transform`, from an epoch's micro-batch on. This object outlives it.
  std::unique_ptr<BatchStream> training_batches(TransformConfig transform, std::int64_t epoch,
                                                std::int64_t batch);
  /// How all images of a set are read, each once: progress is shown as long as it exists, after
  /// each batch `check` is called, and an image that cannot be used is left out and listed, or ends
  /// the run, as the options say.
  ImageReading reading_of_all(std::int64_t total, const std::string& what,
                              const std::function<void()>& check);

 private:
  void note_bad(const BadSample& bad, const std::string& done);
  void note_hint(const std::string& hint);

  const TrainingOptions& options_;
  ProgressLine& console_;
  std::shared_ptr<const ImageSource> source_;
  std::filesystem::path list_;
  std::set<std::string> known_bad_;
  bool has_hinted_ = false;
};

}  // namespace convmae
