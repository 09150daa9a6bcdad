#pragma once

#include "convmae/golden/golden_file.h"
#include "convmae/model/pretrain_model.h"

#include <filesystem>
#include <memory>

/// One function a kind of golden file: computes every result of the file from its inputs, whether
/// or not the file has the expected results too.
namespace convmae::golden {

Replay replay_pretrain(const GoldenFile& file);
Replay replay_train(const GoldenFile& file);
Replay replay_sincos(const GoldenFile& file);
/// The image files lie in `images` beside the golden file.
Replay replay_data_geometry(const GoldenFile& file);
/// RandAugment operation by operation, and one sample's whole path.
Replay replay_data_randaugment(const GoldenFile& file);
/// mixup and CutMix of a whole batch with given shares.
Replay replay_data_mixing(const GoldenFile& file);
Replay replay_lr_schedule(const Json& golden);

/// The pretraining model that a golden file's config and weights describe.
std::shared_ptr<PretrainModel> load_pretrain_model(const GoldenFile& file, bool norm_pix_loss);

}  // namespace convmae::golden
