#include "convmae/checkpoint/published_optimizer.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/checkpoint/published_notes.h"
#include "convmae/io/value_json.h"
#include "convmae/optim/optimizer.h"

#include <optional>
#include <string_view>
#include <utility>

namespace convmae {
namespace {

[[noreturn]] void refuse(const WeightFile& file, const std::string& reason) {
  throw UserError("the optimizer state in " + quote(file.path().string()) + " " + reason +
                  ": take the weights alone (convert has --no_optimizer)");
}

bool is_fixed(std::string_view name) { return name == "pos_embed" || name == "decoder_pos_embed"; }

const Value* member(const Value& value, std::string_view name) {
  const Dict* const dict = value.dict();
  return dict == nullptr ? nullptr : dict->find(name);
}

std::map<std::int64_t, const Value*> by_number(const Dict& dict) {
  std::map<std::int64_t, const Value*> members;
  for (const auto& [key, value] : dict.entries) {
    if (const auto number = key.integer()) members.emplace(*number, &value);
  }
  return members;
}

/// The step count: a number, or since PyTorch 1.12 a tensor with one.
std::optional<double> step_of(const WeightFile& file, const Value* value) {
  if (value == nullptr) return std::nullopt;
  if (const std::optional<double> number = value->number()) return number;
  const StridedTensor* const tensor = value->tensor();
  if (tensor == nullptr || tensor->dtype != DType::f32 || tensor->numel() != 1) return std::nullopt;
  float step = 0;
  file.read({"step", *tensor}, std::as_writable_bytes(std::span(&step, 1)));
  return step;
}

StoredAdamWState state_of(const WeightFile& file, const Weight& weight, const Value& state) {
  const auto tensor = [&](std::string_view name) {
    const Value* const value = member(state, name);
    const StridedTensor* const found = value == nullptr ? nullptr : value->tensor();
    if (found == nullptr || found->shape != weight.tensor.shape) {
      refuse(file, "has no " + std::string(name) + " of the shape of " + quote(weight.name));
    }
    return *found;
  };
  const std::optional<double> step = step_of(file, member(state, "step"));
  if (!step) refuse(file, "does not count the steps of " + quote(weight.name));
  return {tensor("exp_avg"), tensor("exp_avg_sq"), *step};
}

PublishedOptimizer read_safetensors(const WeightFile& file, const SafetensorsFile& tensors) {
  PublishedOptimizer result;
  for (const Weight& weight : file.weights()) {
    const TensorView* const average = tensors.find(kAveragePrefix + weight.name);
    const TensorView* const square = tensors.find(kSquarePrefix + weight.name);
    const TensorView* const step = tensors.find(kStepPrefix + weight.name);
    if (average == nullptr || square == nullptr || step == nullptr) continue;
    if (average->shape != weight.tensor.shape || square->shape != weight.tensor.shape ||
        step->dtype != DType::f32 || step->numel() != 1) {
      refuse(file, "does not fit " + quote(weight.name));
    }
    float count = 0;
    tensors.read(*step, std::as_writable_bytes(std::span(&count, 1)));
    result.states.emplace(weight.name,
                          StoredAdamWState{as_strided(*average), as_strided(*square), count});
  }
  nlohmann::ordered_json groups = noted_json(file, kGroupsKey);
  if (!groups.is_array()) {
    const nlohmann::ordered_json trainer = noted_json(file, kTrainerKey);
    if (trainer.is_object()) groups = trainer.value(kTrainerGroups, nlohmann::ordered_json());
  }
  if (groups.is_array()) result.groups = std::move(groups);
  return result;
}

/// A group without its list of parameters.
nlohmann::ordered_json group_json(const Value& group) {
  if (group.dict() == nullptr) return nlohmann::ordered_json::object();
  nlohmann::ordered_json json = members_json(*group.dict());
  json.erase("params");
  return json;
}

Value tensor_value(ValueArena& arena, StridedTensor tensor) {
  return arena.new_tensor(std::move(tensor));
}

}  // namespace

std::vector<std::vector<std::string>> published_parameter_groups(std::span<const Weight> weights) {
  std::vector<std::vector<std::string>> groups(2);
  for (const Weight& weight : weights) {
    if (is_fixed(weight.name)) continue;
    const bool plain = weight.tensor.shape.size() == 1 || weight.name.ends_with(".bias");
    groups[plain ? 0 : 1].push_back(weight.name);
  }
  return groups;
}

PublishedOptimizer read_published_optimizer(const WeightFile& file) {
  if (const SafetensorsFile* const tensors = file.safetensors()) {
    return read_safetensors(file, *tensors);
  }
  const Value* const optimizer = file.optimizer();
  const Value* const state = optimizer == nullptr ? nullptr : member(*optimizer, "state");
  const Value* const groups = optimizer == nullptr ? nullptr : member(*optimizer, "param_groups");
  if (state == nullptr || state->dict() == nullptr || groups == nullptr ||
      groups->sequence() == nullptr) {
    refuse(file, "is of an unknown kind");
  }
  PublishedOptimizer result;
  for (const Value& group : groups->sequence()->items) result.groups.push_back(group_json(group));
  const std::map<std::int64_t, const Value*> entries = by_number(*state->dict());
  std::int64_t number = 0;
  for (const auto& names : published_parameter_groups(file.weights())) {
    for (const std::string& name : names) {
      const auto entry = entries.find(number++);
      if (entry == entries.end()) continue;
      result.states.emplace(name, state_of(file, *file.find(name), *entry->second));
    }
  }
  if (result.states.size() != state->dict()->entries.size()) {
    refuse(file, "is of " + std::to_string(state->dict()->entries.size()) +
                     " parameters, but the file has " + std::to_string(number));
  }
  return result;
}

Value write_published_optimizer(ValueArena& arena, std::span<const Weight> weights,
                                const PublishedOptimizer& optimizer) {
  Dict* const state = arena.new_dict();
  Value groups = arena.new_list();
  std::int64_t number = 0;
  std::size_t group_number = 0;
  for (const auto& names : published_parameter_groups(weights)) {
    Value numbers = arena.new_list();
    for (const std::string& name : names) {
      if (const auto found = optimizer.states.find(name); found != optimizer.states.end()) {
        Dict* const entry = arena.new_dict();
        entry->entries = {{"step", found->second.step},
                          {"exp_avg", tensor_value(arena, found->second.exp_avg)},
                          {"exp_avg_sq", tensor_value(arena, found->second.exp_avg_sq)}};
        state->entries.emplace_back(number, entry);
      }
      numbers.sequence()->items.emplace_back(number++);
    }
    Dict* const group = arena.new_dict();
    if (group_number < optimizer.groups.size()) {
      if (const Dict* const values =
              value_from_json(optimizer.groups[group_number], arena).dict()) {
        group->entries = values->entries;
      }
    }
    group->entries.emplace_back("params", numbers);
    groups.sequence()->items.emplace_back(group);
    ++group_number;
  }
  Dict* const result = arena.new_dict();
  result->entries = {{"state", state}, {"param_groups", groups}};
  return result;
}

}  // namespace convmae
