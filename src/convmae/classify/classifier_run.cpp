#include "convmae/classify/classifier_run.h"

#include "convmae/base/error.h"
#include "convmae/base/stopwatch.h"
#include "convmae/classify/classifier_report.h"
#include "convmae/classify/evaluation_files.h"
#include "convmae/data/sources/classes.h"
#include "convmae/ops/precision.h"
#include "convmae/report/format.h"
#include "convmae/train/batches.h"
#include "convmae/train/opened_images.h"
#include "convmae/train/run/run_setup.h"

#include <ATen/ATen.h>

#include <numeric>
#include <utility>

namespace convmae {
namespace {

nlohmann::ordered_json values_of(const ClassificationMetrics& metrics) {
  return {{"test_acc1", 100 * metrics.top1()},
          {"test_acc5", 100 * metrics.top5()},
          {"test_loss", metrics.loss()},
          {"test_images", metrics.images()}};
}

std::string text_of(const ClassificationMetrics& metrics) {
  return "top-1 " + format_share(metrics.top1()) + "  top-5 " + format_share(metrics.top5()) +
         "  loss " + format_fixed(metrics.loss(), 4);
}

}  // namespace

ClassifierRun::ClassifierRun(ClassifierOptions& options, const RunContext& context,
                             ClassifierHead head)
    : TrainingRun(options, context), options_(options), head_(head) {}

void ClassifierRun::open_data() {
  classes_ = classes_of(*source(), "--data");
  class_of_.resize(classes_.size());
  std::iota(class_of_.begin(), class_of_.end(), 0);
  for (const std::string& doubt : doubts_about(classes_)) say(doubt);
  if (!options_.eval_data.empty()) {
    MatchedImages matched = match_classes(
        opened_labelled_images(options_.eval_data, Split::val, "--eval_data",
                               most_left_out(options_)),
        {classes_}, "--eval_data",
        head_ == ClassifierHead::probe ? UnknownClasses::left_out : UnknownClasses::refused);
    for (const std::string& remark : matched.remarks) say(remark);
    held_out_ = LabelledImages{std::move(matched.images), std::move(matched.class_of)};
  }
}

ClassifierConfig ClassifierRun::classifier_config() const {
  ClassifierConfig config;
  config.encoder = options_.model_config.encoder;
  config.pool = parse_pool(options_.pool);
  config.head = head_;
  config.num_classes = std::ssize(classes_);
  return config;
}

void ClassifierRun::build_classifier() {
  const ClassifierConfig config = classifier_config();
  validate(config);
  classifier_ = std::make_shared<Classifier>(config);
}

std::int64_t ClassifierRun::initialise_model() {
  classifier_->initialise(options_.seed);
  if (options_.init.empty()) return 0;
  const ClassifierInit init = initialise_classifier(
      options_.init, *classifier_, parse_in_chans_init(options_.in_chans_init), classes_);
  should_know_classes_ = init.head_taken;
  say(init.text);
  return 0;
}

ImageInput ClassifierRun::input() const {
  return {preprocessing_of(options_), parse_precision(options_.precision)};
}

nlohmann::ordered_json ClassifierRun::task() const {
  return task_of(classifier_config(), classes_);
}

nlohmann::ordered_json ClassifierRun::further_header() const {
  return {{"model", options_.model}, {"classes", classes_.size()}};
}

ClassificationMetrics ClassifierRun::evaluate() {
  const ImageReading reading = reading_of_all(held_out_->source->size(), "held-out images");
  const std::unique_ptr<Loader> loader =
      evaluation_loader(reading, preprocessing_of(options_), held_out_->source);
  return evaluate_classifier(*classifier_, *loader, input(), held_out_->class_of, reading.progress);
}

ClassificationMetrics ClassifierRun::examine() {
  const Stopwatch watch(seconds_of("evaluation"));
  ClassificationMetrics metrics = evaluate();
  if (should_know_classes_ && at_chance(metrics)) {
    say("warning: --init has a head for these classes, but it does no better than a blind guess: "
        "its classes may be others, or numbered otherwise");
  }
  should_know_classes_ = false;
  return metrics;
}

void ClassifierRun::look_first() {
  if (!held_out_) return;
  const ClassificationMetrics metrics = examine();
  log().extend_header("val", values_of(metrics));
  say("held-out images, untrained: " + text_of(metrics));
}

TrainingRun::Look ClassifierRun::look(const Moment& moment) {
  if (!held_out_ || !moment.due(options_.eval_every_epochs)) return {};
  const ClassificationMetrics metrics = examine();
  return {values_of(metrics),
          {"held-out: " + text_of(metrics)},
          -metrics.top1(),
          held_out_digest(options_, *held_out_->source)};
}

void ClassifierRun::write_report(RunStatus status, const std::string& note) {
  ClassifierReportContext report;
  report.title = (head_ == ClassifierHead::probe ? "Linear probe of " : "Fine-tuning ") +
                 to_string(options_.model_config.method) + " " + options_.model;
  report.status = status;
  report.note = note;
  report.settings = context().settings();
  report.command = context().command;
  report.data = source()->description();
  report.gemm = options_.gemm;
  report.epochs = options_.epochs;
  report.classes = std::ssize(classes_);
  write_classifier_report(paths(), log(), report);
}

}  // namespace convmae
