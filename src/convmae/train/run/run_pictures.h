#pragma once

#include "convmae/report/picture.h"
#include "convmae/report/report.h"
#include "convmae/train/run/run.h"

#include <string>
#include <vector>

namespace convmae {

/// Keeps a picture of what the model makes of a few images at that epoch: in a file of the run, and
/// for TensorBoard under `tag`. One that cannot be written is worth a warning.
void keep_picture(Run& run, const std::string& tag, const Picture& picture, double epoch);

/// These pictures of a run in the order of time; of many, some at even distances and the last.
std::vector<Figure> kept_pictures(const RunPaths& paths);

}  // namespace convmae
