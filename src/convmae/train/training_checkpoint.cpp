#include "convmae/train/training_checkpoint.h"

#include "convmae/base/error.h"
#include "convmae/base/json_number.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"

#include <exception>
#include <string>
#include <utility>

namespace convmae {

NamedTensors training_tensors(const torch::nn::Module& model, const Optimizer& optimizer,
                              const FurtherState& further) {
  NamedTensors tensors = named_tensors(model);
  for (const NamedTensors& more : {optimizer.state_tensors(), further.tensors}) {
    tensors.insert(tensors.end(), more.begin(), more.end());
  }
  return tensors;
}

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
      {"batch_size", state.identity.unit},
      {"accum_iter", state.identity.units_per_step},
      {"images", state.identity.images},
      {"image_names", state.identity.image_names},
      {"image_classes", state.identity.image_classes},
      {"annotations", state.identity.annotations},
      {"device", state.device},
      {"gemm", state.gemm},
      {"threads", state.threads},
      {"precision", state.precision},
  };
  return json;
}

TrainingState training_state_from_json(const nlohmann::ordered_json& json) {
  const auto count = [&json](const char* name, std::int64_t least, std::int64_t most) {
    const std::optional<std::int64_t> number = whole_number(json.at(name));
    if (!number || *number < least || *number > most) {
      throw UserError(std::string("its ") + name + " is " + json_text(json.at(name)));
    }
    return *number;
  };
  // What a run can count: the sums and products of two of these fit.
  constexpr std::int64_t kMost = std::int64_t{1} << 48;
  constexpr std::int64_t kMostThreads = 4096;
  TrainingState state;
  RunPosition& position = state.position;
  position.epoch = count("epoch", 0, kMost);
  position.step = count("step", 0, kMost);
  position.global_step = count("global_step", 0, kMost);
  json.at("loss_sum").get_to(position.loss_sum);
  position.loss_count = count("loss_count", 0, kMost);
  position.skipped = count("skipped", 0, kMost);
  position.skipped_in_a_row = count("skipped_in_a_row", 0, kMost);
  position.skipped_in_epoch = count("skipped_in_epoch", 0, kMost);
  json.at("seed").get_to(state.identity.seed);
  state.identity.unit = count("batch_size", 1, kMost);
  state.identity.units_per_step = count("accum_iter", 1, kMost);
  state.identity.images = count("images", 1, kMost);
  state.identity.image_names = json.value("image_names", "");
  state.identity.image_classes = json.value("image_classes", "");
  state.identity.annotations = json.value("annotations", "");
  state.device = json.value("device", state.device);
  json.at("gemm").get_to(state.gemm);
  state.threads = count("threads", 1, kMostThreads);
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
  write_checkpoint(path, CheckpointKind::training, training_tensors(model, optimizer, further),
                   info, trainer);
}

TrainingState training_state(const CheckpointFile& file) {
  if (file.kind() != CheckpointKind::training) {
    throw UserError(quote(file.path().string()) +
                    " holds weights only and cannot continue a run: start a new one from them with "
                    "--init");
  }
  const auto damaged = [&file](const std::exception& error) {
    return UserError(quote(file.path().string()) + " is damaged (" + brief(error.what()) +
                     "): use another checkpoint of the run");
  };
  try {
    return training_state_from_json(file.trainer());
  } catch (const nlohmann::json::exception& error) {
    throw damaged(error);
  } catch (const UserError& error) {
    throw damaged(error);
  }
}

void restore_training_checkpoint(const CheckpointFile& file, const torch::nn::Module& model,
                                 const Optimizer& optimizer, const FurtherState& further) {
  for (const auto& [name, tensor] : training_tensors(model, optimizer, further)) {
    file.read(name, tensor);
  }
}

}  // namespace convmae
