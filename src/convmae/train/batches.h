#pragma once

#include "convmae/checkpoint/preprocessing.h"
#include "convmae/data/loader.h"
#include "convmae/dist/process_group.h"
#include "convmae/model/encoder/drop_path.h"
#include "convmae/train/training_options.h"

#include <ATen/ops/from_blob.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace convmae {

/// What the options say about how images become tensors.
Preprocessing preprocessing_of(const TrainingOptions& options);
DecodeOptions decoding_of(const TrainingOptions& options);

/// How images are read where each counts once: in their source's order, and never one in another's
/// place.
struct ImageReading {
  /// The processes that share the images, batch by batch in turn; null: this one reads all.
  ProcessGroup* group = nullptr;
  std::int64_t batch_size = 64;
  std::int64_t num_workers = 2;
  DecodeOptions decode;
  /// Images that cannot be used end the reading, or are left out if they are no more than that
  /// share.
  bool leave_out_bad = false;
  double max_bad_share = 1;
  std::function<void(const BadSample&)> report_bad;  ///< called for each that is left out
  std::function<void(const std::string&)> hint;      ///< as LoaderConfig::hint
  /// Called with the number of images that are done.
  std::function<void(std::int64_t)> progress;
};

/// What the options of a run say about it.
ImageReading reading_of(const TrainingOptions& options);

/// With all of its share read, or nothing of it: makes what each process has counted the sum over
/// all of them.
void sum_over_processes(const ImageReading& reading, const at::Tensor& counts);
/// The same of something that has its counters in `counters()`, and takes them in `set_counters`.
template <typename Counted>
void sum_counters_over_processes(const ImageReading& reading, Counted& counted) {
  if (reading.group == nullptr) return;
  std::vector<double> counters = counted.counters();
  sum_over_processes(reading, at::from_blob(counters.data(), {std::ssize(counters)}, at::kDouble));
  counted.set_counters(counters);
}

/// The share of images that they allow to be left out.
double most_left_out(const TrainingOptions& options);

/// How an image becomes an input where nothing is drawn at random. The number of channels is that
/// of `preprocessing`, whatever `decode` says.
TransformConfig evaluation_transform(const Preprocessing& preprocessing,
                                     const DecodeOptions& decode);
TransformConfig evaluation_transform(const TrainingOptions& options);

/// Random crop and mirror: what the training images of all runs have in common.
TransformConfig training_transform(const TrainingOptions& options);

/// In which order, from an epoch's micro-batch on to the run's end, and in which batches this
/// process loads its share of so many training images, and what becomes of those that cannot be
/// used.
LoaderConfig training_order(const TrainingOptions& options, std::int64_t images, std::int64_t epoch,
                            std::int64_t batch, std::function<void(const BadSample&)> report_bad,
                            std::function<void(const std::string&)> hint);

/// Those of them through `transform`, from an epoch's micro-batch on to the run's end.
std::unique_ptr<Loader> training_loader(const TrainingOptions& options,
                                        std::shared_ptr<const ImageSource> source,
                                        TransformConfig transform, std::int64_t epoch,
                                        std::int64_t batch,
                                        std::function<void(const BadSample&)> report_bad,
                                        std::function<void(const std::string&)> hint,
                                        BatchMemory memory = {});

/// Every image once, or this process's share of them, in the source's own order, centre-cropped.
std::unique_ptr<Loader> evaluation_loader(const ImageReading& reading,
                                          const Preprocessing& preprocessing,
                                          std::shared_ptr<const ImageSource> source);

/// A batch's pixels as a tensor [B, C, H, W] that shares their memory.
at::Tensor images_of(const Batch& batch, const Preprocessing& preprocessing);

/// The noise that ranks the blocks of samples: [B, length] float32, each row a function of the
/// seed, the epoch and the sample's position alone.
at::Tensor mask_noise(std::uint64_t seed, std::uint64_t epoch,
                      std::span<const std::int64_t> positions, std::int64_t length);

/// Scales for stochastic depth, on the device: each image's draws are a function of the seed, the
/// epoch and the image's position alone.
DropPath draw_drop_path(const std::vector<double>& rates, std::uint64_t seed, std::uint64_t epoch,
                        std::span<const std::int64_t> positions, at::Device device);

/// The epoch number that masks of held-out images are drawn for: they are the same at every
/// evaluation.
inline constexpr std::uint64_t kEvaluationEpoch = 0xFFFFFFFF;

}  // namespace convmae
