#include "convmae/checkpoint/handover.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/base/json_number.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/held_tensors.h"
#include "convmae/checkpoint/published_notes.h"
#include "convmae/checkpoint/weight_layout.h"
#include "convmae/checkpoint/weights.h"

#include <ATen/ATen.h>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

/// Copies the numbers that `from` has under the same names.
void take_numbers(const Json& from, std::initializer_list<const char*> names, Json& settings) {
  if (!from.is_object()) return;
  for (const char* const name : names) {
    const auto found = from.find(name);
    if (found != from.end() && found->is_number()) settings[name] = *found;
  }
}

/// Throws UserError unless the file holds the tensors of that model.
void expect_shapes(const WeightFile& file, ModelConfig config) {
  // What is not known is asked for later, and no shape depends on it.
  if (config.encoder.num_heads == 0) config.encoder.num_heads = 1;
  if (config.decoder.num_heads == 0) config.decoder.num_heads = 1;
  validate(config);
  for_each_parameter(config, HeldTensors(file, "", HeldTensors::Lacking::tables));
}

/// The model that the file describes, or that its shapes and training arguments tell.
Json model_settings(const WeightFile& file) {
  if (const std::optional<CheckpointInfo> info = described_by_itself(file)) {
    expect_shapes(file, info->model);
    Json settings = Json::parse(to_json(info->model));
    settings["mean"] = info->preprocessing.mean;
    settings["std"] = info->preprocessing.std;
    return settings;
  }
  const std::optional<Architecture> architecture = architecture_of(file);
  if (!architecture) {
    throw UserError(quote(file.path().string()) +
                    " holds no model that this program knows: see `convmae inspect`");
  }
  ModelConfig config = pretrain_shapes_of(*architecture);
  apply_training_arguments(training_arguments(file), config);
  expect_shapes(file, config);
  Json settings = Json::parse(to_json(config));
  if (!architecture->preset.empty()) settings["model"] = architecture->preset;
  for (const char* const heads : {"num_heads", "decoder_num_heads"}) {
    if (settings[heads] == 0) settings[heads] = nullptr;
  }
  return settings;
}

void take_schedule(const WeightFile& file, Json& settings) {
  const Json arguments = training_arguments(file);
  take_numbers(arguments, {"epochs", "warmup_epochs", "blr", "min_lr", "lr", "batch_size"},
               settings);
  Json shares;
  take_numbers(arguments, {"accum_iter", "world_size"}, shares);
  if (!shares.empty()) {
    // The batches of its devices are taken one after another here.
    const auto share = [&](const char* name) { return whole_number(shares.value(name, Json(1))); };
    const std::optional<std::int64_t> steps = share("accum_iter");
    const std::optional<std::int64_t> devices = share("world_size");
    const std::optional<std::int64_t> batches =
        steps && devices ? checked_multiply(*steps, *devices) : std::nullopt;
    settings["accum_iter"] = batches ? Json(*batches) : Json();
  }
  if (const std::optional<CheckpointInfo> info = described_by_itself(file)) {
    take_numbers(info->provenance, {"epochs", "lr"}, settings);
  }
}

void take_optimizer_settings(const WeightFile& file, const Json& groups, Json& settings) {
  const auto refuse = [&](const std::string& what) {
    throw UserError("the optimizer of " + quote(file.path().string()) + " had " + what +
                    ", which this program's AdamW has not: take its weights alone, with --init");
  };
  for (const Json& group : groups) {
    if (!group.is_object()) continue;
    if (group.value("amsgrad", Json()) == true) refuse("amsgrad");
    const Json eps = group.value("eps", Json());
    if (eps.is_number() && eps != AdamWOptions{}.eps) refuse("eps " + json_text(eps));
    const Json betas = group.value("betas", Json());
    if (betas.is_array() && betas.size() == 2 && betas[0].is_number() && betas[1].is_number()) {
      settings["beta1"] = betas[0];
      settings["beta2"] = betas[1];
    }
    // Of the two groups the second one decays.
    take_numbers(group, {"weight_decay"}, settings);
  }
}

}  // namespace

Handover::Handover(const std::filesystem::path& path) : file_(path) {
  const std::string name = quote(path.string());
  if (!file_.has_optimizer()) {
    throw UserError(name +
                    " has no optimizer state to go on from: leave out --init_optimizer to start a "
                    "run from its weights");
  }
  const std::optional<std::int64_t> epoch = published_epoch(file_);
  if (!epoch || *epoch < -1 || *epoch > (std::int64_t{1} << 32)) {
    throw UserError(name +
                    " does not say which epoch it has come to: leave out --init_optimizer to start "
                    "a run from its weights");
  }
  optimizer_ = read_published_optimizer(file_);
  epochs_done_ = *epoch + 1;
}

Json Handover::settings() const {
  Json settings = model_settings(file_);
  take_schedule(file_, settings);
  take_optimizer_settings(file_, optimizer_.groups, settings);
  return settings;
}

std::string Handover::restore(PretrainModel& model, const AdamW& optimizer) const {
  const InitReport report = initialise_from(file_.path(), model);
  if (report.missing_decoder > 0) {
    throw UserError(quote(file_.path().string()) +
                    " lacks tensors of the decoder, so its optimizer state cannot go on: leave out "
                    "--init_optimizer");
  }
  const at::NoGradGuard no_grad;
  std::int64_t states = 0;
  for (const AdamW::NamedState& item : optimizer.states()) {
    const auto found = optimizer_.states.find(item.name);
    if (found == optimizer_.states.end()) continue;
    read_tensor(file_, {item.name, found->second.exp_avg}, item.state.exp_avg);
    read_tensor(file_, {item.name, found->second.exp_avg_sq}, item.state.exp_avg_sq);
    item.state.step.fill_(found->second.step);
    ++states;
  }
  return report.text() + "\nalso took the optimizer's state of " + std::to_string(states) +
         " parameters after " + std::to_string(epochs_done_) + " epochs";
}

}  // namespace convmae
