#pragma once

#include "convmae/io/safetensors/safetensors.h"
#include "convmae/io/tensor_view.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

/// The ONNX format (https://github.com/onnx/onnx/blob/main/docs/IR.md): a graph of operators with
/// its weights, as one message in the wire format of protocol buffers. As much of it as this
/// program writes.
namespace convmae {

struct OnnxAttribute {
  std::string name;
  std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>> value;
};

/// An operator of the standard set at its place in a graph.
struct OnnxNode {
  std::string op;
  /// Names of what graph inputs, weights and other nodes give; empty for one that is left out.
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;  ///< the first one names the node
  std::vector<OnnxAttribute> attributes;
};

/// A side of a tensor: its length, or a name for a length that each call chooses.
using OnnxSide = std::variant<std::int64_t, std::string>;

/// What goes into a graph or comes out of it.
struct OnnxValue {
  std::string name;
  DType dtype = DType::f32;
  std::vector<OnnxSide> shape;
};

struct OnnxModel {
  std::string name;  ///< of the graph
  std::string producer_version;
  std::int64_t opset = 17;  ///< the version of the operators
  std::vector<OnnxValue> inputs;
  std::vector<OnnxValue> outputs;
  std::vector<OnnxNode> nodes;  ///< each behind those that it reads
  std::vector<TensorSource> weights;
  std::map<std::string, std::string> metadata;  ///< UTF-8
};

/// What a message may have in weights: the format ends at 2 GiB, and something of that is for the
/// rest.
inline constexpr std::uint64_t kMostInsideOnnx =
    (std::uint64_t{1} << 31) - (std::uint64_t{64} << 20);

/// Where the weights of `path` are if they do not fit into it: `path` with ".data" behind it.
std::filesystem::path onnx_data_path(const std::filesystem::path& path);

/// Writes a model atomically. Weights of more than `most_inside` bytes together go into a file of
/// their own, `onnx_data_path`, which is complete before the model appears; both are then one and
/// move together. Returns whether there is such a file. Throws UserError on failures of the file
/// system.
bool write_onnx(const std::filesystem::path& path, const OnnxModel& model,
                std::uint64_t most_inside = kMostInsideOnnx);

}  // namespace convmae
