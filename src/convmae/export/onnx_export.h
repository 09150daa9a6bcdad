#pragma once

#include "convmae/io/onnx/onnx.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace convmae {

struct OnnxExportOptions {
  bool features = false;      ///< the encoder's maps in place of what the head says
  bool pixels = false;        ///< takes 8-bit pixels and normalises them
  bool dynamic_size = false;  ///< takes images of any size that the strides divide
  std::int64_t opset = 17;    ///< 17 or 20
};

/// What was written.
struct OnnxExport {
  std::string task;  ///< classification, segmentation or features
  std::vector<OnnxValue> inputs;
  std::vector<OnnxValue> outputs;
  /// The model, and if its weights are too large for one file the one that they are in.
  std::vector<std::filesystem::path> files;
};

/// Writes the network in a file of weights of any kind, or of a run, as an ONNX model: a classifier
/// or linear probe, a segmentor, or with `features` the encoder of any of them and of a pretrained
/// model. It is the dense computation (model/dense_description.h) with float32 weights.
///
/// Input: `images` [batch, C, H, W] float32, normalised as the model's own are, or `pixels`
/// [batch, H, W, C] uint8. Output: `logits` [batch, K], of a segmentor [batch, K, H_0, W_0], or the
/// maps `stage1`, `stage2`, `stage3` [batch, C_s, H_s, W_s], of MAE one. The metadata have the
/// names of the classes and how images are prepared.
///
/// Throws UserError if the file is damaged or holds no such network, or if the output cannot be
/// written; then there is no output.
OnnxExport export_onnx(const std::filesystem::path& checkpoint, const std::filesystem::path& out,
                       const OnnxExportOptions& options);

}  // namespace convmae
