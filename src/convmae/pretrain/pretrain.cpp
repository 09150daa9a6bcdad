#include "convmae/pretrain/pretrain.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/stopwatch.h"
#include "convmae/checkpoint/handover.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/io/atomic_file.h"
#include "convmae/ops/precision.h"
#include "convmae/optim/param_groups.h"
#include "convmae/pretrain/held_out_loss.h"
#include "convmae/pretrain/knn_probe.h"
#include "convmae/pretrain/pretrain_report.h"
#include "convmae/pretrain/sample_panel.h"
#include "convmae/report/format.h"
#include "convmae/report/png.h"
#include "convmae/train/batches.h"
#include "convmae/train/opened_images.h"
#include "convmae/train/run/environment.h"
#include "convmae/train/run/run_setup.h"
#include "convmae/train/training_run.h"

#include <ATen/ATen.h>

#include <array>
#include <cstdio>
#include <utility>

namespace convmae {
namespace {

/// ConvMAE, FastConvMAE and MAE differ in the model alone.
class PretrainRun : public TrainingRun {
 public:
  PretrainRun(PretrainOptions& options, const RunContext& context)
      : TrainingRun(options, context), options_(options) {
    start();
  }

 protected:
  std::string command() const override { return "pretrain"; }

  void check_options() override {
    resolve(options_);
    validate(options_);
  }

  void open_data() override {
    if (!options_.eval_data.empty()) held_out_ = opened_images(options_.eval_data, Split::val);
    if (options_.probe_every > 0) probe_.emplace(options_);
    if (options_.panel_images > 0) panel_.emplace(options_, held_out_ ? *held_out_ : *source());
  }

  void build_model() override {
    model_ = make_pretrain_model(options_.model_config);
    model_->set_compute_type(parse_precision(options_.precision));
    optimizer_.emplace(weight_decay_groups(*model_, options_.weight_decay),
                       AdamWOptions{.beta1 = options_.beta1, .beta2 = options_.beta2});
  }

  torch::nn::Module& model() override { return *model_; }

  Optimizer& optimizer() override { return *optimizer_; }

  std::int64_t initialise_model() override {
    model_->initialise(options_.seed);
    if (options_.init.empty()) return 0;
    if (!options_.init_optimizer) {
      say("init: " + initialise_from(options_.init, *model_).text());
      return 0;
    }
    const Handover handover(options_.init);
    say("init: " + handover.restore(*model_, *optimizer_));
    if (handover.epochs_done() >= options_.epochs) {
      throw UserError(quote(options_.init) + " has been trained for " +
                      std::to_string(handover.epochs_done()) + " epochs, found --epochs " +
                      std::to_string(options_.epochs) + ": give more");
    }
    return handover.epochs_done();
  }

  FurtherState further_state() override { return pytorch_groups(*optimizer_); }

  nlohmann::ordered_json further_header() const override {
    return {{"method", to_string(options_.model_config.method)}, {"model", options_.model}};
  }

  std::unique_ptr<BatchStream> open_batches(std::int64_t epoch, std::int64_t batch) override {
    return load_batches(training_transform(options_), epoch, batch);
  }

  at::Tensor loss(const Batch& batch) override {
    const at::Tensor images = images_of(batch, preprocessing_of(options_));
    const at::Tensor noise = mask_noise(options_.seed, static_cast<std::uint64_t>(batch.epoch),
                                        batch.global_indices, model_->noise_length());
    return model_->forward(images, noise, Predict::removed).loss;
  }

  void look_first() override {
    untrained_ = evaluate_held_out();
    first_probe_ = probe_features();
    if (first_probe_) {
      log().extend_header("probe", {{"images", first_probe_->images},
                                    {"classes", probe_->classes()},
                                    {"knn_top1_at_start", first_probe_->top1}});
      log().add_scalar("knn_top1", first_probe_->top1, fractional_epoch_now());
    }
    if (untrained_) {
      log().extend_header("val", {{"images", untrained_->images},
                                  {"untrained_loss", untrained_->loss},
                                  {"baseline_loss", untrained_->baseline}});
    }
    draw_panel();
    tell_first_look();
  }

  void recall_first_look() override {
    const nlohmann::ordered_json& header = log().header();
    const nlohmann::ordered_json val = header.value("val", nlohmann::ordered_json());
    if (val.is_object()) {
      untrained_ = Evaluation{val.value("images", std::int64_t{0}),
                              val.value("untrained_loss", 0.0), val.value("baseline_loss", 0.0)};
    }
    const nlohmann::ordered_json probe = header.value("probe", nlohmann::ordered_json());
    if (probe_ && probe.is_object()) {
      first_probe_ = KnnProbe::Score{probe.value("images", probe_->size()),
                                     probe.value("knn_top1_at_start", 0.0)};
    }
    tell_first_look();
  }

  Look look(const Moment& moment) override {
    Look seen;
    if (held_out_ && moment.due(options_.eval_every_epochs)) {
      const Evaluation held_out = *evaluate_held_out();
      seen.values["val_loss"] = held_out.loss;
      seen.remarks.push_back("held-out " + format_fixed(held_out.loss, 4));
      seen.score = held_out.loss;
      seen.scored_on = held_out_digest(options_, *held_out_);
    }
    if (moment.due(options_.panel_every_epochs)) draw_panel();
    if (probe_ && moment.due(options_.probe_every)) {
      const double top1 = probe_features()->top1;
      seen.values["knn_top1"] = top1;
      seen.remarks.push_back("kNN " + format_fixed(100 * top1, 1) + " %");
    }
    return seen;
  }

  void write_report(RunStatus status, const std::string& note) override {
    RunReportContext report;
    report.title = "Pretraining " + to_string(options_.model_config.method) + " " + options_.model;
    report.status = status;
    report.note = note;
    report.settings = context().settings();
    report.environment = environment();
    report.environment.emplace_back("gemm", options_.gemm);
    report.environment.emplace_back("precision", options_.precision);
    report.environment.emplace_back("command", context().command);
    report.environment.emplace_back("data", source()->description());
    report.epochs = options_.epochs;
    report.untrained = untrained_;
    if (probe_ && first_probe_) {
      report.probe = ProbeContext{first_probe_->images, probe_->classes(), first_probe_->top1};
    }
    report.normalised_targets = options_.model_config.decoder.norm_pix_loss;
    write_run_report(paths(), log(), report);
  }

 private:
  void tell_first_look() {
    if (untrained_) {
      say("held-out images: " + std::to_string(untrained_->images) + ", loss untrained " +
          format_number(untrained_->loss) + ", without learning " +
          format_number(untrained_->baseline));
    }
    if (first_probe_) {
      say("nearest neighbours of " + std::to_string(first_probe_->images) +
          " images at the start: " + format_fixed(100 * first_probe_->top1, 1) + " %");
    }
  }

  std::optional<Evaluation> evaluate_held_out() {
    if (!held_out_) return std::nullopt;
    const Stopwatch watch(seconds_of("evaluation"));
    return evaluate(*model_, options_, held_out_,
                    reading_of_all(held_out_->size(), "held-out images"));
  }

  std::optional<KnnProbe::Score> probe_features() {
    if (!probe_) return std::nullopt;
    const Stopwatch watch(seconds_of("probe"));
    return probe_->score(model_, reading_of_all(probe_->size(), "images of the probe"));
  }

  void draw_panel() {
    if (!panel_ || panel_->empty()) return;
    const Stopwatch watch(seconds_of("panel"));
    const double epoch = fractional_epoch_now();
    const Picture picture = panel_->draw(*model_);
    const std::vector<std::uint8_t> png = encode_png(picture);
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), "epoch-%07.2f.png", epoch);
    const std::filesystem::path directory = paths().panels();
    std::error_code ignored;
    std::filesystem::create_directories(directory, ignored);
    try {
      write_file_atomically(directory / name.data(),
                            {reinterpret_cast<const char*>(png.data()), png.size()});
      log().add_image("reconstructions", png, picture, epoch);
    } catch (const UserError& error) {
      say("warning: a picture could not be written: " + std::string(error.what()));
    }
  }

  PretrainOptions& options_;
  std::shared_ptr<const ImageSource> held_out_;
  std::optional<KnnProbe> probe_;
  std::optional<SamplePanel> panel_;
  std::shared_ptr<PretrainModel> model_;
  std::optional<AdamW> optimizer_;
  std::optional<Evaluation> untrained_;
  std::optional<KnnProbe::Score> first_probe_;
};

}  // namespace

int pretrain(PretrainOptions& options, const RunContext& context) {
  PretrainRun run(options, context);
  return run.train();
}

}  // namespace convmae
