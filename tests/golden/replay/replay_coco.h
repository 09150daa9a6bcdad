#pragma once

#include "golden/replay/golden_file.h"
#include <filesystem>

/// COCO files: the folders `coco_eval` and `coco_load`.
namespace convmae::golden {

/// The evaluation of `CASE.dt.json` against `truth`, which is `CASE.gt.json`.
Replay replay_coco_eval(const std::filesystem::path& truth);

/// The records that training makes of a file of annotations.
Replay replay_coco_load(const std::filesystem::path& annotations);

/// The results that are written for the detections of a golden file beside the folder; nothing
/// where it has none. `path` is `results_NAME.json`.
Replay replay_coco_results(const std::filesystem::path& path, const Json& golden);

}  // namespace convmae::golden
