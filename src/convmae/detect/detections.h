#pragma once

#include "convmae/base/geometry.h"
#include "convmae/detect/proposals.h"
#include "convmae/detect/roi_heads.h"

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace convmae {

/// What a detector finds in an image, best first.
struct Detections {
  at::Tensor boxes;    ///< [D, 4] float32, in pixels of the network's input
  at::Tensor scores;   ///< [D] float32
  at::Tensor classes;  ///< [D] int64
  at::Tensor masks;    ///< [D, M, M] float32: probabilities on a grid over the box; undefined
                       ///< without a mask head

  void keep(const at::Tensor& which);
};

/// Of each image: every proposal with every class whose score is above the threshold, moved as that
/// class says, cut off at the image's own size, suppressed within classes; the best of all.
/// `output` has the proposals of all images, one after the other. Without masks.
std::vector<Detections> choose_detections(const BoxOutput& output,
                                          std::span<const Proposals> proposals,
                                          std::span<const Size> images,
                                          const DetectorConfig& config);

/// Detections on an image of another size, of which the network's input, `input` pixels without
/// what was padded behind normalising, is a copy; with boxes cut off there, and without those that
/// have no area left.
Detections rescale_detections(const Detections& detections, Size input, Size image,
                              BoxRescaling rescaling);

}  // namespace convmae
