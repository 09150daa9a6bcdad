#include "convmae/train/training_checkpoint.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <utility>

namespace convmae {
namespace {

NamedTensors all_tensors(const torch::nn::Module& model, const Optimizer& optimizer,
                         const FurtherState& further) {
  NamedTensors tensors = named_tensors(model);
  for (const NamedTensors& more : {optimizer.state_tensors(), further.tensors}) {
    tensors.insert(tensors.end(), more.begin(), more.end());
  }
  return tensors;
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
      {"image_names", state.identity.image_names},
      {"image_classes", state.identity.image_classes},
      {"gemm", state.gemm},
      {"threads", state.threads},
      {"precision", state.precision},
  };
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
  json.at("seed").get_to(state.identity.seed);
  json.at("batch_size").get_to(state.identity.batch_size);
  json.at("accum_iter").get_to(state.identity.accum_iter);
  json.at("images").get_to(state.identity.images);
  state.identity.image_names = json.value("image_names", "");
  state.identity.image_classes = json.value("image_classes", "");
  json.at("gemm").get_to(state.gemm);
  json.at("threads").get_to(state.threads);
  json.at("precision").get_to(state.precision);
  return state;
}

FurtherState pytorch_groups(const AdamW& optimizer) {
  const AdamWOptions& options = optimizer.options();
  nlohmann::ordered_json groups = nlohmann::ordered_json::array();
  for (const ParamGroup& group : optimizer.groups()) {
    groups.push_back({{"lr", optimizer.last_lr() * group.lr_scale},
                      {"betas", {options.beta1, options.beta2}},
                      {"eps", options.eps},
                      {"weight_decay", group.weight_decay},
                      {"amsgrad", false}});
  }
  FurtherState further;
  further.entries[kTrainerGroups] = std::move(groups);
  return further;
}

void save_training_checkpoint(const std::filesystem::path& path, const torch::nn::Module& model,
                              const Optimizer& optimizer, const CheckpointInfo& info,
                              const TrainingState& state, const FurtherState& further) {
  nlohmann::ordered_json trainer = to_json(state);
  trainer.update(further.entries);
  write_checkpoint(path, CheckpointKind::training, all_tensors(model, optimizer, further), info,
                   trainer);
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
    throw UserError(quote(file.path().string()) + " is damaged (" + brief(error.what()) +
                    "): use another checkpoint of the run");
  }
}

void restore_training_checkpoint(const CheckpointFile& file, const torch::nn::Module& model,
                                 const Optimizer& optimizer, const FurtherState& further) {
  for (const auto& [name, tensor] : all_tensors(model, optimizer, further)) file.read(name, tensor);
}

}  // namespace convmae
