#pragma once

#include "convmae/data/loader.h"
#include "convmae/model/pretrain_model.h"
#include "convmae/report/progress.h"
#include "convmae/train/accumulation.h"
#include "convmae/train/checkpoint_store.h"
#include "convmae/train/evaluation.h"
#include "convmae/train/handover.h"
#include "convmae/train/interrupt.h"
#include "convmae/train/knn_probe.h"
#include "convmae/train/optimizer.h"
#include "convmae/train/pretrain.h"
#include "convmae/train/run_directory.h"
#include "convmae/train/run_log.h"
#include "convmae/train/sample_panel.h"
#include "convmae/train/schedule.h"
#include "convmae/train/step_guard.h"
#include "convmae/train/throughput.h"
#include "convmae/train/training_checkpoint.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace convmae {

/// One pretraining run, from a new or an existing run directory to its end. ConvMAE, FastConvMAE
/// and MAE differ in the model alone.
class PretrainRun {
 public:
  PretrainRun(PretrainOptions& options, const RunContext& context);

  /// Trains to the end, the time limit or a signal, and returns the exit code.
  int train();

 private:
  enum class Stop { none, time_limit, signal };

  // Set-up.
  void begin();
  void take_over(const Handover& handover);
  void resume();
  void build_model();
  void open_data();
  nlohmann::ordered_json header() const;

  // An epoch's parts. They return why the run is to stop, if it is.
  Stop train_epoch();
  void take_step(double lr);
  Stop stop_reason() const;
  void end_epoch(Stop stop);

  // Looking at the run.
  std::optional<Evaluation> evaluate_held_out();
  std::optional<double> probe_features();
  void draw_panel(double epoch);
  void log_epoch(bool complete, const std::optional<Evaluation>& held_out,
                 std::optional<double> knn_top1);
  void show_progress(double lr);
  void write_report_page(RunStatus status);
  void report_failure(const std::string& what);
  void note_bad_sample(const BadSample& bad);

  void save_checkpoint();
  CheckpointInfo checkpoint_info() const;
  int finish(Stop stop);

  double fractional_epoch_now() const;
  double mean_lr() const;
  std::int64_t steps_left() const;

  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  PretrainOptions& options_;
  const RunContext& context_;
  ProgressLine console_;
  InterruptGuard interrupt_;

  std::shared_ptr<const ImageSource> source_;
  std::shared_ptr<const ImageSource> eval_source_;
  std::optional<RunDirectory> directory_;
  std::optional<CheckpointStore> store_;
  std::shared_ptr<PretrainModel> model_;
  std::optional<AdamW> optimizer_;
  std::optional<StepPlan> plan_;
  std::optional<RunLog> log_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<SamplePanel> panel_;
  std::optional<KnnProbe> probe_;
  LearningRateSchedule schedule_;
  StepGuard guard_;
  RunPosition position_;
  std::int64_t saved_step_ = -1;
  std::optional<Evaluation> untrained_;
  std::optional<double> first_top1_;
  std::set<std::string> known_bad_;
  std::int64_t parameters_ = 0;

  // For display and for keeping time.
  Throughput throughput_;
  RecentValues recent_loss_;
  double evaluation_seconds_ = 0;
  double panel_seconds_ = 0;
  double probe_seconds_ = 0;
  double saving_seconds_ = 0;
  std::string ending_;  ///< how the run ended, if not by its schedule
  std::chrono::steady_clock::time_point reported_ = begin_;
};

}  // namespace convmae
