#pragma once

#include "convmae/data/decode/decode.h"
#include "convmae/model/compute.h"
#include "convmae/model/config.h"
#include "convmae/optim/schedule.h"
#include "convmae/train/evaluation_plan.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// What every kind of training run can be asked for, under the names of the flags. Values that are
/// not there are chosen by `resolve_training`.
struct TrainingOptions : ComputeOptions {
  // Where things are.
  std::string data;
  std::string eval_data;  ///< held-out images, or empty
  /// What a command calls these two flags.
  std::string data_flag = "--data";
  std::string eval_data_flag = "--eval_data";
  std::string out;     ///< run directory of a new run
  std::string resume;  ///< run directory to continue
  std::string init;    ///< file of weights to start from
  bool overwrite = false;

  // The model. `model` names the preset that `model_config` started from.
  std::string model = "base";
  ModelConfig model_config;

  // Images.
  std::vector<double> mean;  ///< per channel, for pixels in 0..1; empty: ImageNet's, or 0.5
  std::vector<double> std;
  std::vector<double> crop_scale{0.08, 1.0};  ///< bounds of the cropped share of the area
  bool flip = true;
  bool exif_orientation = false;
  std::int64_t max_pixels = kDefaultMaxPixels;
  bool fast_decode = false;  ///< in training, inexact: TransformConfig::fast_decode
  std::string on_bad_sample = "skip";
  double max_bad_share = 0.001;
  std::int64_t num_workers = -1;  ///< -1: by the number of CPUs

  // Optimisation.
  std::int64_t batch_size = 64;  ///< of each process
  std::int64_t accum_iter = 1;
  /// Images a step, instead of accum_iter: `settle_batches` makes one of the other.
  std::optional<std::int64_t> global_batch_size;
  std::int64_t epochs = 100;
  /// Optimizer steps, instead: `settle_length` makes `epochs` the number of those that are begun.
  std::optional<std::int64_t> steps;
  std::optional<double> warmup_epochs;  ///< `warmup_share` of the epochs, at most 40
  std::optional<double> warmup_steps;   ///< instead
  double warmup_share = 0.1;            ///< of the run, where neither is asked for
  ScheduleShape schedule{};
  double blr = 0;
  std::optional<double> lr;  ///< blr * images a step / 256
  double min_lr = 0;
  double weight_decay = 0;
  double clip_grad = 0;  ///< 0: off
  std::int64_t max_skipped_steps = 20;

  // Saving and evaluating.
  std::int64_t save_every_epochs = 1;
  std::int64_t save_every_steps = 0;  ///< 0: off
  std::int64_t keep_last = 2;
  double max_minutes = 0;  ///< 0: no limit
  std::int64_t eval_every_epochs = 1;
  std::optional<std::int64_t> eval_every_steps;  ///< instead
  /// Evaluations in a row without a better score that end the run; 0: none do.
  std::int64_t patience = 0;

  std::uint64_t seed = 0;

  // The processes that share every micro-batch, and which of them this one is.
  std::int64_t world_size = 1;
  std::int64_t rank = 0;
  /// Images in which an epoch's length is counted: a micro-batch of all processes that the run was
  /// first started with.
  std::int64_t unit = 0;

  double peak_lr() const;
  /// Of a micro-batch in all processes.
  std::int64_t shared_batch() const { return batch_size * world_size; }
  std::int64_t images_per_step() const { return shared_batch() * accum_iter; }
  EvaluationPlan evaluation() const { return {eval_every_epochs, eval_every_steps.value_or(0)}; }
};

/// Fills in what was left to the program: normalisation, warm-up, threads, workers, backend of the
/// GEMMs. Paths to data become absolute.
void resolve_training(TrainingOptions& options);

/// Throws UserError for values that make no sense. What must hold for the model is for the kinds of
/// runs to say.
void validate_training(const TrainingOptions& options);

/// With the images known: the epochs of a run whose length is given in steps, of which the last one
/// may be begun only, and its warm-up. Throws UserError if that is as long as the run.
void settle_length(TrainingOptions& options, std::int64_t steps_per_epoch);

/// Of a run whose length is settled, in the unit that its length is given in; drops come at whole
/// steps.
LearningRateSchedule schedule_of(const TrainingOptions& options, std::int64_t steps_per_epoch);

}  // namespace convmae
