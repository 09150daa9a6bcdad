#pragma once

#include "golden/replay/compare.h"
#include "golden/replay/golden_file.h"
#include <filesystem>
#include <map>
#include <string>

namespace convmae::golden {

/// What a `.pth` file holds, by path: tensors as float32, how they lie in memory, and everything
/// else with its Python type. tests/golden/README.md describes the format of the two objects.
struct PthReplay {
  Tensors tensors;
  Json layout = Json::object();
  Json leaves = Json::object();
};

PthReplay replay_pth(const std::filesystem::path& path);

/// Compares with what Python reads from the file: everything must be equal.
Verdict compare(const std::filesystem::path& expected, const PthReplay& replay);

/// Reads a file of `pth_bad` and says whether that ended as its entry in the manifest demands: with
/// success, or with an error of one line.
Verdict check_bad_pth(const std::filesystem::path& path, const Json& entry);

}  // namespace convmae::golden
