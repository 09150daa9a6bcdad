#pragma once

#include "convmae/data/loader.h"
#include "convmae/data/sources/source.h"
#include "convmae/data/transforms.h"
#include "convmae/optim/optimizer.h"
#include "convmae/optim/schedule.h"
#include "convmae/report/image_progress.h"
#include "convmae/report/progress.h"
#include "convmae/report/report.h"
#include "convmae/train/accumulation.h"
#include "convmae/train/interrupt.h"
#include "convmae/train/run/checkpoint_store.h"
#include "convmae/train/run/run_context.h"
#include "convmae/train/run/run_directory.h"
#include "convmae/train/run/run_log.h"
#include "convmae/train/run/throughput.h"
#include "convmae/train/step_guard.h"
#include "convmae/train/training_checkpoint.h"
#include "convmae/train/training_options.h"

#include <nlohmann/json.hpp>
#include <torch/nn/module.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace convmae {

struct ImageReading;

/// Where a run's micro-batches come from, in the order of the run.
class BatchStream {
 public:
  virtual ~BatchStream() = default;
  virtual std::optional<Batch> next() = 0;
  /// How long `next` has kept its callers in all.
  virtual double seconds_waited() const = 0;
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
  /// A time to look at how well the model does.
  struct Moment {
    std::int64_t epochs_done = 0;
    bool last = false;  ///< training ends here
    /// Whether a look that is taken every so many epochs is due.
    bool due(std::int64_t every) const { return last || epochs_done % every == 0; }
  };

  /// What was seen.
  struct Look {
    /// For the epoch's line in the log; fractional numbers go to TensorBoard.
    nlohmann::ordered_json values = nlohmann::ordered_json::object();
    std::vector<std::string> remarks;  ///< for the console
    /// By which checkpoints are ranked, lower is better: what held-out images say.
    std::optional<double> score;
    /// The digest of these images: scores on others say nothing in comparison.
    std::string scored_on;
  };

  TrainingRun(TrainingOptions& options, const RunContext& context);

  /// Sets up the new run or the old one that the options name; the last thing that a derived
  /// constructor does.
  void start();

  // What kinds of runs differ in, in the order in which `start` and `train` ask for it.
  /// The command that continues such a run.
  virtual std::string command() const = 0;
  /// Settles options that are open. Throws UserError for those that make no sense.
  virtual void check_options() = 0;
  /// Whether training images without a class are of no use.
  virtual bool needs_classes() const { return false; }
  /// Opens what is looked at, with the training images at hand in `source()`.
  virtual void open_data() = 0;
  virtual void build_model() = 0;
  virtual torch::nn::Module& model() = 0;
  virtual Optimizer& optimizer() = 0;
  /// Sets the weights of a new run and says where they come from. Returns the epochs that they have
  /// been trained for, which the run counts as its own.
  virtual std::int64_t initialise_model() = 0;
  /// CheckpointInfo::task.
  virtual nlohmann::ordered_json task() const { return nullptr; }
  /// What its checkpoints have beside model, optimizer and position.
  virtual FurtherState further_state() { return {}; }
  /// Entries of the log's header that only such a run has.
  virtual nlohmann::ordered_json further_header() const = 0;
  /// The training batches from an epoch's micro-batch on. Called when the model has its weights.
  virtual std::unique_ptr<BatchStream> open_batches(std::int64_t epoch, std::int64_t batch) = 0;
  /// Looks at a new run before its first step: the log's header gets what is seen.
  virtual void look_first() = 0;
  /// Takes from the log's header what `look_first` saw when the run was new.
  virtual void recall_first_look() {}
  /// The loss of a micro-batch, as a tensor with a graph.
  virtual at::Tensor loss(const Batch& batch) = 0;
  /// After a step that was taken.
  virtual void stepped() {}
  /// After a step that was left out.
  virtual void skipped() {}
  /// Looks at what is due, at the end of an epoch or of the run.
  virtual Look look(const Moment& moment) = 0;
  virtual void write_weights(const std::filesystem::path& path, const CheckpointInfo& info);
  virtual void write_report(RunStatus status, const std::string& note) = 0;

  void say(const std::string& text) { console_.message(text); }
  /// How all images of a set are read, each once: progress is shown as long as it exists, and
  /// throws Interrupted when a signal has arrived; an image that cannot be used is left out and
  /// listed, or ends the run, as the options say.
  ImageReading reading_of_all(std::int64_t total, const std::string& what);
  /// The training images through `transform`, from an epoch's micro-batch on.
  std::unique_ptr<BatchStream> load_batches(TransformConfig transform, std::int64_t epoch,
                                            std::int64_t batch);
  /// Where to note how long a kind of look took: the time limit leaves room for another one of
  /// each.
  double& seconds_of(const std::string& look) { return look_seconds_[look]; }
  double fractional_epoch_now() const;
  const std::shared_ptr<const ImageSource>& source() const { return source_; }
  RunLog& log() { return *log_; }
  const RunPaths& paths() const { return directory_->paths(); }
  const RunContext& context() const { return context_; }

 private:
  enum class Stop { none, time_limit, signal };

  // Set-up.
  void begin();
  void resume();
  /// For a run that goes back to an earlier checkpoint: sets aside what it has done since.
  void keep_what_is_later();
  /// Gives what checkpoints of earlier versions say of their scores to the store.
  void adopt_scores(const nlohmann::ordered_json& trainer);
  void settle_options();
  void open_images();
  void plan_epochs();
  void build();
  void open_stream();
  nlohmann::ordered_json header() const;
  CheckpointInfo describe(nlohmann::ordered_json provenance) const;

  // An epoch's parts. `train_epoch` returns why the run is to stop, if it is.
  Stop train_epoch();
  bool epoch_done() const { return position_.step == plan_->steps_per_epoch(); }
  std::int64_t epochs_done() const { return position_.epoch + (epoch_done() ? 1 : 0); }
  /// The end of the epoch whose steps are all done.
  Moment end_of_epoch(Stop stop) const;
  /// Whether held-out images are due then.
  bool evaluates(const Moment& moment) const;
  void take_step(double lr);
  Batch next_batch();
  Stop stop_reason() const;
  void end_epoch(const Moment& moment);
  void next_epoch();
  /// Looks at the model of the last checkpoint, and writes down what was seen.
  void look_and_note(const Moment& moment, bool epoch_complete);
  void log_epoch(bool complete, const Look& seen);
  void show_progress(double lr);
  /// Returns whether it could be written.
  bool refresh_report(RunStatus status);
  void report_failure(const std::string& what);
  /// Reports an undecodable image, and what was done about it, once in a run.
  void note_bad_sample(const BadSample& bad, const std::string& done);
  /// Says it, once a run.
  void note_hint(const std::string& hint);

  CheckpointInfo checkpoint_info() const;
  void save_checkpoint();
  /// Does what may fail while the run's state is whole: an error goes on when a checkpoint is safe.
  void save_on_error(const std::function<void()>& work);
  int finish(Stop stop);
  /// What is printed at the end, with --json, of a run that is complete or was stopped by a signal
  /// (0: by none).
  void print_summary(int signal, bool reported) const;
  /// Throws UserError if what the run ends with is not what training made.
  void require_trained();

  double mean_lr() const;
  std::int64_t steps_left() const;

  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  TrainingOptions& options_;
  const RunContext& context_;
  ProgressLine console_;
  std::optional<InterruptGuard> interrupt_;  ///< from when on there is something to lose

  std::shared_ptr<const ImageSource> source_;
  std::optional<RunDirectory> directory_;
  std::optional<CheckpointStore> store_;
  std::optional<StepPlan> plan_;
  std::optional<RunLog> log_;
  std::unique_ptr<BatchStream> batches_;
  LearningRateSchedule schedule_;
  StepGuard guard_;
  RunIdentity identity_;
  RunPosition position_;
  std::int64_t saved_step_ = -1;  ///< of the last checkpoint; at first, where a new run begins
  std::set<std::string> known_bad_;
  bool has_hinted_ = false;
  std::int64_t parameters_ = 0;

  // For display and for keeping time.
  Throughput throughput_;
  RecentValues recent_loss_;
  std::map<std::string, double> look_seconds_;  ///< by kind
  double saving_seconds_ = 0;
  std::int64_t steps_ = 0;           ///< of this process
  std::int64_t skipped_at_end_ = 0;  ///< of them, since the last one that was taken
  std::string not_finite_;           ///< what was not at the last look
  std::string ending_;               ///< how the run ended, if not by its schedule
  std::chrono::steady_clock::time_point reported_ = begin_;
};

}  // namespace convmae
