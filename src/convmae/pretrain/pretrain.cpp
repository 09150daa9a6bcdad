#include "convmae/pretrain/pretrain.h"

#include "convmae/checkpoint/handover.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/pretrain/held_out_observer.h"
#include "convmae/pretrain/panel_observer.h"
#include "convmae/pretrain/pretrain_report.h"
#include "convmae/pretrain/pretrain_task.h"
#include "convmae/pretrain/probe_observer.h"
#include "convmae/report/canvas.h"
#include "convmae/train/batches.h"
#include "convmae/train/opened_images.h"
#include "convmae/train/run/run.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convmae {
namespace {

/// Sets the weights of a new run and says where they come from. Returns the epochs that they have
/// been trained for, which the run counts as its own.
std::int64_t initialise(Run& run, PretrainTask& task, const PretrainOptions& options) {
  task.model()->initialise(options.seed);
  if (options.init.empty()) return 0;
  if (!options.init_optimizer) {
    run.say("init: " + initialise_from(options.init, *task.model()).text());
    return 0;
  }
  const Handover handover(options.init);
  run.say("init: " + handover.restore(*task.model(), task.optimizer()));
  return handover.epochs_done();
}

/// What evaluates the model, as far as the options ask for it.
struct Evaluators {
  std::optional<HeldOutObserver> held_out;
  std::optional<PanelObserver> panel;
  std::optional<ProbeObserver> probe;

  std::vector<Observer*> all() {
    std::vector<Observer*> observers;
    if (held_out) observers.push_back(&*held_out);
    if (panel) observers.push_back(&*panel);
    if (probe) observers.push_back(&*probe);
    return observers;
  }
};

PretrainReportContext report_of(RunFacts facts, const PretrainOptions& options,
                                const Evaluators& evaluators) {
  PretrainReportContext report;
  report.facts = std::move(facts);
  report.facts.machine.emplace_back("precision", options.precision);
  if (evaluators.held_out) report.untrained = evaluators.held_out->untrained();
  if (evaluators.probe) report.probe = evaluators.probe->first();
  report.normalised_targets = options.model_config.decoder.norm_pix_loss;
  return report;
}

}  // namespace

int pretrain(PretrainOptions& options, const RunContext& context) {
  Run run("pretrain", options, context);
  resolve(options);
  validate(options);
  run.open_images(/*needs_classes=*/false);
  std::shared_ptr<const ImageSource> held_out;
  std::optional<KnnProbe> probe;
  std::optional<SamplePanel> panel;
  if (!options.eval_data.empty()) held_out = opened_images(options.eval_data, Split::val);
  if (options.probe_every > 0) probe.emplace(options);
  if (options.panel_images > 0) {
    if (const std::string why = why_nothing_is_drawn(); !why.empty()) {
      run.say("warning: " + why);
    } else {
      panel.emplace(options, held_out ? *held_out : *run.source());
    }
  }

  run.set_kind(nullptr);
  settle_panels(options);
  PretrainTask task(options, run.compute());
  const std::int64_t epochs = run.is_new() ? initialise(run, task, options) : 0;
  run.start(task, epochs,
            {{"method", to_string(options.model_config.method)}, {"model", options.model}});

  Evaluators evaluators;
  if (held_out) evaluators.held_out.emplace(run, task, options, held_out);
  if (panel) evaluators.panel.emplace(run, task, *panel, options.panel_every_epochs);
  if (probe) evaluators.probe.emplace(run, task, *probe, options.probe_every);
  return run.train(
      {.open_batches =
           [&](std::int64_t epoch, std::int64_t batch) {
             return run.training_batches(training_transform(options), epoch, batch,
                                         /*takes_bytes=*/true);
           },
       .observers = evaluators.all(),
       .write_report =
           [&](RunStatus status, const std::string& note) {
             const std::string title =
                 "Pretraining " + to_string(options.model_config.method) + " " + options.model;
             write_pretrain_report(run.paths(), run.log(),
                                   report_of(run.facts(title, status, note), options, evaluators));
           },
       .write_weights = {}});
}

}  // namespace convmae
