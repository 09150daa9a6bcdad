#pragma once

#include "convmae/data/loader.h"
#include "convmae/report/progress.h"
#include "convmae/train/accumulation.h"
#include "convmae/train/checkpoint_store.h"
#include "convmae/train/interrupt.h"
#include "convmae/train/optimizer.h"
#include "convmae/train/pretrain.h"
#include "convmae/train/run_directory.h"
#include "convmae/train/run_log.h"
#include "convmae/train/schedule.h"
#include "convmae/train/step_guard.h"
#include "convmae/train/throughput.h"
#include "convmae/train/training_checkpoint.h"
#include "convmae/train/training_options.h"

#include <nlohmann/json.hpp>
#include <torch/nn/module.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// Where a run's micro-batches come from, in the order of the run.
class BatchStream {
 public:
  virtual ~BatchStream() = default;
  virtual std::optional<Batch> next() = 0;
  /// How long `next` has kept its callers in all.
  virtual double seconds_waited() const = 0;
};

/// Images as a loader delivers them.
class LoadedBatches : public BatchStream {
 public:
  explicit LoadedBatches(std::unique_ptr<Loader> loader) : loader_(std::move(loader)) {}
  std::optional<Batch> next() override { return loader_->next(); }
  double seconds_waited() const override { return loader_->seconds_waited(); }

 private:
  std::unique_ptr<Loader> loader_;
};

/// One training run, from a new or an existing run directory to its end: steps, accumulation,
/// skipped steps, checkpoints, log, progress, time limit and signals. What is trained, and on what,
/// is a derived class's.
class TrainingRun {
 public:
  virtual ~TrainingRun() = default;
  TrainingRun(const TrainingRun&) = delete;
  TrainingRun& operator=(const TrainingRun&) = delete;

  /// Trains to the end, the time limit or a signal, and returns the exit code.
  int train();

 protected:
  /// What a look at held-out images gave.
  struct Look {
    nlohmann::ordered_json values;  ///< for the epoch's line in the log; numbers go to TensorBoard
    std::string text;               ///< for the console
    double score = 0;               ///< what checkpoints are ranked by, lower is better
  };

  TrainingRun(TrainingOptions& options, const RunContext& context);

  /// Starts the new run or continues the old one that the options name; the last thing that a
  /// derived constructor does.
  void start();

  // What kinds of runs differ in, in the order in which `start` asks for it.
  /// The command that continues such a run.
  virtual std::string command() const = 0;
  /// Settles options that are open. Throws UserError for those that make no sense.
  virtual void check_options() = 0;
  virtual void open_data() = 0;
  /// Builds the model and its optimizer, with `source()` at hand.
  virtual void build_model() = 0;
  /// Sets the weights of a new run; returns what to tell of it, or nothing.
  virtual std::string initialise_model() = 0;
  virtual torch::nn::Module& model() = 0;
  virtual Optimizer& optimizer() = 0;
  /// What a checkpoint has beside the model and the optimizer.
  virtual NamedTensors further_state() { return {}; }
  virtual const ImageSource& source() const = 0;
  /// The training batches from an epoch's micro-batch on. Called when the model has its weights.
  virtual std::unique_ptr<BatchStream> open_batches(std::int64_t epoch, std::int64_t batch) = 0;
  /// What the model is, for a checkpoint; without provenance.
  virtual CheckpointInfo describe() const = 0;
  /// Entries of the log's header that only such a run has.
  virtual nlohmann::ordered_json further_header() const = 0;
  /// The loss of a micro-batch, as a tensor with a graph.
  virtual at::Tensor loss(const Batch& batch) = 0;
  /// After a step that was taken.
  virtual void stepped() {}
  /// Looks at held-out images; nothing if there are none.
  virtual std::optional<Look> look() = 0;
  virtual void write_weights(const std::filesystem::path& path, const CheckpointInfo& info) = 0;
  virtual void write_report(RunStatus status, const std::string& note) = 0;

  void say(const std::string& text) { console_.message(text); }
  /// Reports an undecodable image once in a run.
  void note_bad_sample(const BadSample& bad);
  const RunLog& log() const { return *log_; }
  const RunPaths& paths() const { return directory_->paths(); }
  const RunContext& context() const { return context_; }

 private:
  enum class Stop { none, time_limit, signal };

  // Set-up.
  void begin();
  void resume();
  void build();
  void restore(const CheckpointFile& file);
  void plan_epochs();
  void open_stream();
  nlohmann::ordered_json header() const;

  // An epoch's parts. They return why the run is to stop, if it is.
  Stop train_epoch();
  void take_step(double lr);
  Batch next_batch();
  Stop stop_reason() const;
  void end_epoch(Stop stop);
  std::optional<Look> timed_look();
  void log_epoch(bool complete, const std::optional<Look>& held_out);
  void show_progress(double lr);
  void refresh_report(RunStatus status);
  void report_failure(const std::string& what);

  NamedTensors all_state();
  CheckpointInfo checkpoint_info() const;
  void save_checkpoint();
  int finish(Stop stop);

  double fractional_epoch_now() const;
  double mean_lr() const;
  std::int64_t steps_left() const;

  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  TrainingOptions& options_;
  const RunContext& context_;
  ProgressLine console_;
  InterruptGuard interrupt_;

  std::optional<RunDirectory> directory_;
  std::optional<CheckpointStore> store_;
  std::optional<StepPlan> plan_;
  std::optional<RunLog> log_;
  std::unique_ptr<BatchStream> batches_;
  LearningRateSchedule schedule_;
  StepGuard guard_;
  RunPosition position_;
  std::int64_t saved_step_ = -1;
  std::set<std::string> known_bad_;
  std::int64_t parameters_ = 0;

  // For display and for keeping time.
  Throughput throughput_;
  RecentValues recent_loss_;
  double look_seconds_ = 0;
  double saving_seconds_ = 0;
  std::string ending_;  ///< how the run ended, if not by its schedule
  std::chrono::steady_clock::time_point reported_ = begin_;
};

}  // namespace convmae
