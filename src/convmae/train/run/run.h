#pragma once

#include "convmae/checkpoint/held_tensors.h"
#include "convmae/dist/process_group.h"
#include "convmae/report/progress.h"
#include "convmae/train/interrupt.h"
#include "convmae/train/pixel_feed.h"
#include "convmae/train/run/checkpoint_store.h"
#include "convmae/train/run/report_observer.h"
#include "convmae/train/run/resumption.h"
#include "convmae/train/run/run_context.h"
#include "convmae/train/run/run_directory.h"
#include "convmae/train/run/run_images.h"
#include "convmae/train/run/run_log.h"
#include "convmae/train/run/run_report.h"
#include "convmae/train/trainer.h"
#include "convmae/train/training_options.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// What a run needs of the task's own parts when it trains.
struct RunParts {
  OpenBatches open_batches;
  std::vector<Observer*> observers;  ///< that evaluate
  WriteReport write_report;
  /// Writes the weights that the run ends with; without it those of the module.
  std::function<void(const std::filesystem::path&, const CheckpointInfo&)> write_weights;
};

/// What a user starts: one training run, from a new or an existing run directory to its end. A
/// command takes it through its steps: options settled, `open_images`, `set_kind`, a model built,
/// `start`, `train`. Several processes take the same steps; the first alone touches the directory.
class Run final {
 public:
  /// Opens the run that the options continue, and keeps its arithmetic, or prepares a new one.
  /// `command` is the one that continues it. `expect` looks at a checkpoint to continue from: of a
  /// task whose models `expect_model` does not know, the task's own. Options and context outlive
  /// the run. Throws UserError.
  Run(std::string command, TrainingOptions& options, const RunContext& context,
      const ExpectModel& expect = expect_model);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() = default;

  bool is_new() const { return !resumption_; }
  /// Whether this process has the run's files; else `paths` are not to be written to.
  bool is_first() const { return group_ == nullptr || group_->is_first(); }
  void say(const std::string& text) { console_.message(text); }

  /// With all options settled: starts what computes and opens the training images. `needs_classes`:
  /// images without one are of no use.
  void open_images(bool needs_classes);
  /// The same with images that the task opens, in `open`, and says what they are (`tell`).
  void open_images(const std::function<TrainingImages()>& open);
  const Compute& compute() const { return compute_; }
  const std::shared_ptr<const ImageSource>& source() const { return images_->source(); }
  /// CheckpointInfo::task. Settles the run's length. Throws UserError if a run that continues has
  /// another model.
  void set_kind(nlohmann::ordered_json kind);
  /// With weights in a new run's task, which they have been trained for `epochs`; a run that
  /// continues gets its own here. From here on there is a directory and a log, whose header gets
  /// the entries of `header`.
  void start(Task& task, std::int64_t epochs, const nlohmann::ordered_json& header);
  /// Trains to the end, the time limit or a signal, and returns the exit code.
  int train(const RunParts& parts);

  /// The training images through `transform`, from an epoch's micro-batch on. `takes_bytes`: they
  /// may come as Batch::bytes, where the device is another than the CPU.
  std::unique_ptr<BatchStream> training_batches(TransformConfig transform, std::int64_t epoch,
                                                std::int64_t batch, bool takes_bytes = false) {
    return images_->training_batches(std::move(transform), epoch, batch,
                                     batch_memory(compute_.device, takes_bytes));
  }
  /// The same in batches of samples that the task makes (Batch::padded).
  std::unique_ptr<BatchStream> training_samples(const SampleRecipe& recipe, std::int64_t epoch,
                                                std::int64_t batch) {
    return images_->training_samples(recipe, epoch, batch);
  }
  /// How all images of a set are read: RunImages::reading_of_all. Throws Interrupted when a signal
  /// has arrived.
  ImageReading reading_of_all(std::int64_t total, const std::string& what);
  /// With its length settled: how many steps it takes in all, and in an epoch.
  std::int64_t total_steps() const;
  std::int64_t steps_per_epoch() const { return plan_->steps_per_epoch(); }
  RunLog& log() { return *log_; }
  const RunPaths& paths() const { return paths_; }
  const RunContext& context() const { return context_; }
  /// What its report says beside the log, under that title.
  RunFacts facts(std::string title, RunStatus status, std::string note) const;

 private:
  double seconds() const;
  CheckpointInfo describe(nlohmann::ordered_json provenance) const;
  CheckpointInfo checkpoint_info(const RunPosition& position) const;
  std::int64_t epochs_done(const RunPosition& position) const;
  /// How long the run is to be, as a flag.
  std::string length_flag() const;
  nlohmann::ordered_json header(const nlohmann::ordered_json& further) const;
  void start_new(std::int64_t epochs);
  void restore();
  void restore_files();
  /// Throws UserError unless all processes have the same images.
  void require_same_images() const;
  /// Gives all processes what the first one has of what training changes.
  void share_tensors() const;

  Outcome train_with(const RunParts& parts, ReportObserver& report);
  /// Ends a run and returns the exit code, the same in all processes.
  int end(const Outcome& outcome, const RunParts& parts, ReportObserver& report);
  /// The same in the process that has the files.
  int finish(const Outcome& outcome, const RunParts& parts, ReportObserver& report);
  int finish_stopped(const Outcome& outcome, ReportObserver& report);
  /// Writes result.json.
  void note_result(RunStatus status, const std::string& reason) const;
  /// What is done after so many steps of the run, in fractional epochs.
  double epoch_after(std::int64_t step) const;
  [[noreturn]] void give_up(const Outcome& outcome) const;
  /// Throws UserError if what the run ends with is not what training made.
  void require_trained(const Outcome& outcome) const;
  /// What is printed at the end, with --json, of a run that is complete or was stopped by a signal
  /// (0: by none).
  void print_summary(const RunPosition& position, int signal, bool reported) const;

  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::string command_;
  TrainingOptions& options_;
  const RunContext& context_;
  ProcessGroup* group_;
  ProgressLine console_;
  std::optional<InterruptGuard> interrupt_;  ///< from when on there is something to lose

  Compute compute_;
  std::optional<Resumption> resumption_;
  std::optional<RunImages> images_;
  std::optional<StepPlan> plan_;
  RunIdentity identity_;
  nlohmann::ordered_json kind_;
  Task* task_ = nullptr;
  std::int64_t parameters_ = 0;
  nlohmann::ordered_json header_;
  RunPaths paths_;
  std::optional<RunDirectory> directory_;  ///< of the first process, as what follows
  std::optional<CheckpointStore> store_;
  std::optional<RunLog> log_;  ///< of all
  RunPosition position_;       ///< where training begins
  bool evaluated_ = true;      ///< the model there, as far as that is due
  std::string ending_;         ///< how the run ended, if not by its schedule
};

}  // namespace convmae
