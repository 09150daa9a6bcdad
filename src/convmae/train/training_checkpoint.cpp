#include "convmae/train/training_checkpoint.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/train/published_optimizer.h"

namespace convmae {
namespace {

/// Calls `visit` with each optimizer tensor and its name in the file.
template <class Visitor>
void visit_optimizer(const AdamW& optimizer, Visitor&& visit) {
  for (const AdamW::NamedState& item : optimizer.states()) {
    visit(kAveragePrefix + item.name, item.state.exp_avg);
    visit(kSquarePrefix + item.name, item.state.exp_avg_sq);
    visit(kStepPrefix + item.name, item.state.step);
  }
}

/// The optimizer's groups with the keys of PyTorch's AdamW, so that the state can go on there.
nlohmann::ordered_json groups_json(const AdamW& optimizer) {
  const AdamWOptions& options = optimizer.options();
  nlohmann::ordered_json groups = nlohmann::ordered_json::array();
  for (const ParamGroup& group : optimizer.groups()) {
    groups.push_back({{"lr", optimizer.last_lr() * group.lr_scale},
                      {"betas", {options.beta1, options.beta2}},
                      {"eps", options.eps},
                      {"weight_decay", group.weight_decay},
                      {"amsgrad", false}});
  }
  return groups;
}

/// The first field in which two configurations differ, with both values, for messages.
std::string first_difference(const ModelConfig& run, const ModelConfig& asked) {
  const auto run_json = nlohmann::ordered_json::parse(to_json(run));
  const auto asked_json = nlohmann::ordered_json::parse(to_json(asked));
  for (const auto& [key, value] : run_json.items()) {
    if (asked_json.at(key) != value) {
      return key + " " + value.dump() + ", asked for " + asked_json.at(key).dump();
    }
  }
  return "";
}

}  // namespace

nlohmann::ordered_json to_json(const TrainingState& state) {
  const RunPosition& position = state.position;
  nlohmann::ordered_json json = {
      {"epoch", position.epoch},
      {"step", position.step},
      {"global_step", position.global_step},
      {"loss_sum", position.loss_sum},
      {"loss_count", position.loss_count},
      {"skipped", position.skipped},
      {"skipped_in_a_row", position.skipped_in_a_row},
      {"skipped_in_epoch", position.skipped_in_epoch},
      {"seed", state.identity.seed},
      {"batch_size", state.identity.batch_size},
      {"accum_iter", state.identity.accum_iter},
      {"images", state.identity.images},
      {"gemm", state.gemm},
      {"threads", state.threads},
      {"precision", state.precision},
  };
  if (position.score) json["score"] = *position.score;
  if (position.best_score) json["best_score"] = *position.best_score;
  return json;
}

TrainingState training_state_from_json(const nlohmann::ordered_json& json) {
  TrainingState state;
  RunPosition& position = state.position;
  json.at("epoch").get_to(position.epoch);
  json.at("step").get_to(position.step);
  json.at("global_step").get_to(position.global_step);
  json.at("loss_sum").get_to(position.loss_sum);
  json.at("loss_count").get_to(position.loss_count);
  json.at("skipped").get_to(position.skipped);
  json.at("skipped_in_a_row").get_to(position.skipped_in_a_row);
  json.at("skipped_in_epoch").get_to(position.skipped_in_epoch);
  if (json.contains("score")) position.score = json.at("score").get<double>();
  if (json.contains("best_score")) position.best_score = json.at("best_score").get<double>();
  json.at("seed").get_to(state.identity.seed);
  json.at("batch_size").get_to(state.identity.batch_size);
  json.at("accum_iter").get_to(state.identity.accum_iter);
  json.at("images").get_to(state.identity.images);
  json.at("gemm").get_to(state.gemm);
  json.at("threads").get_to(state.threads);
  json.at("precision").get_to(state.precision);
  return state;
}

void save_training_checkpoint(const std::filesystem::path& path, const PretrainModel& model,
                              const AdamW& optimizer, const CheckpointInfo& info,
                              const TrainingState& state) {
  NamedTensors tensors = named_tensors(model);
  visit_optimizer(optimizer, [&](const std::string& name, const at::Tensor& tensor) {
    tensors.emplace_back(name, tensor);
  });
  nlohmann::ordered_json trainer = to_json(state);
  trainer[kTrainerGroups] = groups_json(optimizer);
  write_checkpoint(path, CheckpointKind::training, tensors, info, trainer);
}

TrainingState training_state(const CheckpointFile& file) {
  if (file.kind() != CheckpointKind::training) {
    throw UserError(quote(file.path().string()) +
                    " holds weights only and cannot continue a run: start a new one from them with "
                    "--init");
  }
  try {
    return training_state_from_json(file.trainer());
  } catch (const nlohmann::json::exception& error) {
    throw UserError(quote(file.path().string()) + " is damaged (" + error.what() +
                    "): use another checkpoint of the run");
  }
}

void restore_training_checkpoint(const CheckpointFile& file, PretrainModel& model,
                                 const AdamW& optimizer) {
  if (file.info().model != model.config()) {
    throw UserError(
        "the run has another model than the one asked for (the run's " +
        first_difference(file.info().model, model.config()) +
        "): leave out the model flags to continue it, or start a new run in another directory");
  }
  for (const auto& [name, tensor] : named_tensors(model)) file.read(name, tensor);
  visit_optimizer(optimizer, [&](const std::string& name, const at::Tensor& tensor) {
    file.read(name, tensor);
  });
}

}  // namespace convmae
