#pragma once

#include "convmae/io/weights.h"
#include "convmae/model/config.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>

namespace convmae {

// What a checkpoint of the published training code has beside weights and optimizer state. In a
// `.pth` file these are entries; a safetensors file that was made of one has them in its metadata,
// as JSON under these keys.
inline constexpr const char* kEpochKey = "convmae.epoch";
inline constexpr const char* kArgumentsKey = "convmae.arguments";
inline constexpr const char* kGroupsKey = "convmae.optimizer_groups";

/// The metadata of a safetensors file under `key`; null if there is none or it is not JSON.
nlohmann::ordered_json noted_json(const WeightFile& file, const char* key);

/// The number of the last epoch that is done, from 0, as the published code counts.
std::optional<std::int64_t> published_epoch(const WeightFile& file);

/// The arguments of the training run: plain values by name, or null if the file has none.
nlohmann::ordered_json training_arguments(const WeightFile& file);

/// Sets what shapes do not tell of a pretraining model and training arguments may: the method
/// (weights of ConvMAE and FastConvMAE look alike, but the arguments name the published class),
/// the mask ratio, and whether targets are normalised.
void apply_training_arguments(const nlohmann::ordered_json& arguments, ModelConfig& config);

}  // namespace convmae
