#include "convmae/train/classifier_run.h"

#include "convmae/base/error.h"
#include "convmae/report/format.h"
#include "convmae/train/batches.h"
#include "convmae/train/classes.h"
#include "convmae/train/classifier_report.h"
#include "convmae/train/evaluation_files.h"
#include "convmae/train/precision.h"

#include <ATen/ATen.h>

#include <numeric>
#include <utility>

namespace convmae {

ClassifierRun::ClassifierRun(ClassifierOptions& options, const RunContext& context,
                             ClassifierHead head)
    : TrainingRun(options, context), options_(options), head_(head) {}

void ClassifierRun::open_data() {
  source_ = open_source(options_.data, Split::train);
  classes_ = classes_of(*source_, "--data");
  class_of_.resize(classes_.size());
  std::iota(class_of_.begin(), class_of_.end(), 0);
  if (!options_.eval_data.empty()) {
    std::shared_ptr<const ImageSource> images = open_source(options_.eval_data, Split::val);
    std::vector<std::int64_t> matched = match_classes(*images, classes_, "--eval_data");
    held_out_ = LabelledImages{std::move(images), std::move(matched)};
  }
}

void ClassifierRun::build_classifier() {
  ClassifierConfig config;
  config.encoder = options_.model_config;
  config.pool = parse_pool(options_.pool);
  config.head = head_;
  config.num_classes = std::ssize(classes_);
  validate(config);
  classifier_ = std::make_shared<Classifier>(config);
}

std::string ClassifierRun::initialise_classifier_weights() {
  classifier_->initialise(options_.seed);
  if (options_.init.empty()) return "";
  const ClassifierInit init = initialise_classifier(options_.init, *classifier_,
                                                    parse_in_chans_init(options_.in_chans_init));
  should_know_classes_ = init.head_taken;
  return init.text;
}

ImageInput ClassifierRun::input() const {
  return {preprocessing_of(options_), parse_precision(options_.precision)};
}

std::unique_ptr<BatchStream> ClassifierRun::load_batches(TransformConfig transform,
                                                         std::int64_t epoch, std::int64_t batch) {
  return std::make_unique<LoadedBatches>(
      training_loader(options_, source_, std::move(transform), epoch, batch,
                      [this](const BadSample& bad) { note_bad_sample(bad); }));
}

CheckpointInfo ClassifierRun::describe() const {
  CheckpointInfo info;
  info.model = options_.model_config;
  info.preprocessing = preprocessing_of(options_);
  info.task = task_of(classifier_->config(), classes_);
  return info;
}

nlohmann::ordered_json ClassifierRun::further_header() const {
  return {{"model", options_.model}, {"classes", classes_.size()}};
}

ClassificationMetrics ClassifierRun::evaluate() {
  const std::unique_ptr<Loader> loader = evaluation_loader(options_, held_out_->source);
  return evaluate_classifier(*classifier_, *loader, input(), held_out_->class_of);
}

std::optional<TrainingRun::Look> ClassifierRun::look() {
  if (!held_out_) return std::nullopt;
  const ClassificationMetrics metrics = evaluate();
  if (should_know_classes_ && at_chance(metrics)) {
    say("warning: --init has a head for these classes, but it does no better than a blind guess: "
        "its classes may be others, or numbered otherwise");
  }
  should_know_classes_ = false;
  Look result;
  result.values = {{"test_acc1", 100 * metrics.top1()},
                   {"test_acc5", 100 * metrics.top5()},
                   {"test_loss", metrics.loss()},
                   {"test_images", metrics.images()}};
  result.text = "top-1 " + format_share(metrics.top1()) + "  top-5 " +
                format_share(metrics.top5()) + "  loss " + format_fixed(metrics.loss(), 4);
  result.score = -metrics.top1();
  return result;
}

void ClassifierRun::write_weights(const std::filesystem::path& path, const CheckpointInfo& info) {
  write_checkpoint(path, CheckpointKind::weights, named_tensors(*classifier_), info, {});
}

void ClassifierRun::write_report(RunStatus status, const std::string& note) {
  ClassifierReportContext report;
  report.title = (head_ == ClassifierHead::probe ? "Linear probe of " : "Fine-tuning ") +
                 to_string(options_.model_config.method) + " " + options_.model;
  report.status = status;
  report.note = note;
  report.settings = context().settings();
  report.command = context().command;
  report.data = source_->description();
  report.gemm = options_.gemm;
  report.epochs = options_.epochs;
  report.classes = std::ssize(classes_);
  write_classifier_report(paths(), log(), report);
}

}  // namespace convmae
