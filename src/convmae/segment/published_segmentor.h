#pragma once

#include "convmae/io/weights.h"
#include "convmae/segment/segmentor.h"

#include <filesystem>
#include <memory>

namespace convmae {

/// The segmentor in a file that does not describe itself, as the published ones: what names and
/// shapes tell of it. They do not tell the bins of the pyramid pooling, which are taken to be 1, 2,
/// 3, 6 where there are four. Throws UserError if the file holds no such segmentor.
SegmentorConfig segmentor_shapes_of(const WeightFile& file);

/// The same with its weights, in evaluation mode. Tensors that follow from the model's sizes are
/// left over. Throws UserError if one is missing or has another shape.
std::shared_ptr<Segmentor> load_published_segmentor(const std::filesystem::path& path);

}  // namespace convmae
