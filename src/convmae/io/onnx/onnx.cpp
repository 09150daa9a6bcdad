#include "convmae/io/onnx/onnx.h"

#include "convmae/base/quote.h"
#include "convmae/io/atomic_file.h"
#include "convmae/io/protobuf.h"

#include <cassert>
#include <cstddef>
#include <optional>
#include <string_view>

namespace convmae {
namespace {

// Field numbers and values of onnx.proto.
constexpr int kModelIrVersion = 1;
constexpr int kModelProducerName = 2;
constexpr int kModelProducerVersion = 3;
constexpr int kModelGraph = 7;
constexpr int kModelOpset = 8;
constexpr int kModelMetadata = 14;
constexpr int kOpsetVersion = 2;
constexpr int kEntryKey = 1;
constexpr int kEntryValue = 2;
constexpr int kGraphNode = 1;
constexpr int kGraphName = 2;
constexpr int kGraphInitializer = 5;
constexpr int kGraphInput = 11;
constexpr int kGraphOutput = 12;
constexpr int kNodeInput = 1;
constexpr int kNodeOutput = 2;
constexpr int kNodeName = 3;
constexpr int kNodeOp = 4;
constexpr int kNodeAttribute = 5;
constexpr int kAttributeName = 1;
constexpr int kAttributeFloat = 2;
constexpr int kAttributeInt = 3;
constexpr int kAttributeString = 4;
constexpr int kAttributeInts = 8;
constexpr int kAttributeType = 20;
constexpr int kTypeFloat = 1;
constexpr int kTypeInt = 2;
constexpr int kTypeString = 3;
constexpr int kTypeInts = 7;
constexpr int kTensorDimension = 1;
constexpr int kTensorDType = 2;
constexpr int kTensorName = 8;
constexpr int kTensorBytes = 9;
constexpr int kTensorExternal = 13;
constexpr int kTensorLocation = 14;
constexpr int kLocationExternal = 1;
constexpr int kValueName = 1;
constexpr int kValueType = 2;
constexpr int kTypeTensor = 1;
constexpr int kTensorTypeElement = 1;
constexpr int kTensorTypeShape = 2;
constexpr int kShapeDimension = 1;
constexpr int kDimensionValue = 1;
constexpr int kDimensionName = 2;

/// The version of the format that came with a version of the operators.
constexpr std::int64_t ir_version(std::int64_t opset) { return opset >= 19 ? 9 : 8; }

/// Of a dtype that weights, inputs and outputs of graphs have here.
std::int64_t onnx_dtype(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 1;
    case DType::u8:
      return 2;
    default:
      assert(dtype == DType::i64);
      return 7;
  }
}

void add_entry(ProtobufMessage& to, int field, std::string_view key, std::string_view value) {
  ProtobufMessage entry;
  entry.bytes(kEntryKey, key);
  entry.bytes(kEntryValue, value);
  to.message(field, entry);
}

/// Writes the value of an attribute, and what kind of value it is.
struct AttributeFields {
  ProtobufMessage& attribute;

  void operator()(std::int64_t value) const {
    attribute.integer(kAttributeInt, value);
    attribute.integer(kAttributeType, kTypeInt);
  }
  void operator()(float value) const {
    attribute.real32(kAttributeFloat, value);
    attribute.integer(kAttributeType, kTypeFloat);
  }
  void operator()(const std::string& value) const {
    attribute.bytes(kAttributeString, value);
    attribute.integer(kAttributeType, kTypeString);
  }
  void operator()(const std::vector<std::int64_t>& values) const {
    for (const std::int64_t value : values) attribute.integer(kAttributeInts, value);
    attribute.integer(kAttributeType, kTypeInts);
  }
};

ProtobufMessage node_message(const OnnxNode& node) {
  ProtobufMessage message;
  for (const std::string& input : node.inputs) message.bytes(kNodeInput, input);
  for (const std::string& output : node.outputs) message.bytes(kNodeOutput, output);
  message.bytes(kNodeName, node.outputs.front());
  message.bytes(kNodeOp, node.op);
  for (const OnnxAttribute& item : node.attributes) {
    ProtobufMessage attribute;
    attribute.bytes(kAttributeName, item.name);
    std::visit(AttributeFields{attribute}, item.value);
    message.message(kNodeAttribute, attribute);
  }
  return message;
}

ProtobufMessage value_message(const OnnxValue& value) {
  ProtobufMessage shape;
  for (const OnnxSide& side : value.shape) {
    ProtobufMessage dimension;
    if (const auto* const length = std::get_if<std::int64_t>(&side)) {
      dimension.integer(kDimensionValue, *length);
    } else {
      dimension.bytes(kDimensionName, std::get<std::string>(side));
    }
    shape.message(kShapeDimension, dimension);
  }
  ProtobufMessage tensor;
  tensor.integer(kTensorTypeElement, onnx_dtype(value.dtype));
  tensor.message(kTensorTypeShape, shape);
  ProtobufMessage type;
  type.message(kTypeTensor, tensor);
  ProtobufMessage message;
  message.bytes(kValueName, value.name);
  message.message(kValueType, type);
  return message;
}

/// A graph without its weights.
std::string graph_wire(const OnnxModel& model) {
  ProtobufMessage graph;
  for (const OnnxNode& node : model.nodes) graph.message(kGraphNode, node_message(node));
  graph.bytes(kGraphName, model.name);
  for (const OnnxValue& input : model.inputs) graph.message(kGraphInput, value_message(input));
  for (const OnnxValue& output : model.outputs) graph.message(kGraphOutput, value_message(output));
  return graph.wire();
}

/// A model up to its graph, which has `graph_size` bytes.
std::string model_wire(const OnnxModel& model, std::uint64_t graph_size) {
  ProtobufMessage message;
  message.integer(kModelIrVersion, ir_version(model.opset));
  message.bytes(kModelProducerName, "convmae");
  message.bytes(kModelProducerVersion, model.producer_version);
  ProtobufMessage opset;
  opset.integer(kOpsetVersion, model.opset);
  message.message(kModelOpset, opset);
  for (const auto& [key, value] : model.metadata) add_entry(message, kModelMetadata, key, value);
  message.begin(kModelGraph, graph_size);
  return message.wire();
}

std::uint64_t bytes_of(const TensorSource& weight) {
  return static_cast<std::uint64_t>(TensorView{"", weight.dtype, weight.shape, {}}.numel() *
                                    size_of(weight.dtype));
}

ProtobufMessage tensor_message(const TensorSource& weight) {
  ProtobufMessage message;
  for (const std::int64_t side : weight.shape) message.integer(kTensorDimension, side);
  message.integer(kTensorDType, onnx_dtype(weight.dtype));
  message.bytes(kTensorName, weight.name);
  return message;
}

/// The field of a graph that a weight is, up to its `size` bytes, which follow.
std::string wire_inside(const TensorSource& weight, std::uint64_t size) {
  ProtobufMessage tensor = tensor_message(weight);
  tensor.begin(kTensorBytes, size);
  ProtobufMessage field;
  field.begin(kGraphInitializer, tensor.wire().size() + size);
  return field.wire() + tensor.wire();
}

/// The same of a weight whose bytes are in the other file.
std::string wire_outside(const TensorSource& weight, std::string_view file, std::uint64_t offset,
                         std::uint64_t size) {
  ProtobufMessage tensor = tensor_message(weight);
  add_entry(tensor, kTensorExternal, "location", file);
  add_entry(tensor, kTensorExternal, "offset", std::to_string(offset));
  add_entry(tensor, kTensorExternal, "length", std::to_string(size));
  tensor.integer(kTensorLocation, kLocationExternal);
  ProtobufMessage field;
  field.message(kGraphInitializer, tensor);
  return field.wire();
}

/// Appends a weight where a page begins, so that readers can map it; returns where that is.
std::uint64_t append_page(AtomicFile& file, const TensorSource& weight) {
  constexpr std::size_t kPage = 4096;
  const std::size_t beyond = file.size() % kPage;
  if (beyond != 0) file.write(std::string(kPage - beyond, '\0'));
  const std::uint64_t offset = file.size();
  file.write(weight.data());
  return offset;
}

}  // namespace

std::filesystem::path onnx_data_path(const std::filesystem::path& path) {
  return path.string() + ".data";
}

bool write_onnx(const std::filesystem::path& path, const OnnxModel& model,
                std::uint64_t most_inside) {
  // Readers look at the values of small ones, such as shapes, before they have the other file.
  constexpr std::uint64_t kAlwaysInside = 1024;
  std::uint64_t all = 0;
  for (const TensorSource& weight : model.weights) all += bytes_of(weight);
  std::optional<AtomicFile> data;
  if (all > most_inside) data.emplace(onnx_data_path(path));

  const std::string graph = graph_wire(model);
  std::uint64_t graph_size = graph.size();
  struct Field {
    const TensorSource* inside;  ///< null if its bytes do not follow
    std::string wire;
  };
  std::vector<Field> fields;
  fields.reserve(model.weights.size());
  for (const TensorSource& weight : model.weights) {
    const std::uint64_t size = bytes_of(weight);
    if (data && size > kAlwaysInside) {
      const std::string file = as_utf8(onnx_data_path(path).filename().string());
      const std::uint64_t offset = append_page(*data, weight);
      fields.push_back({nullptr, wire_outside(weight, file, offset, size)});
    } else {
      fields.push_back({&weight, wire_inside(weight, size)});
      graph_size += size;
    }
    graph_size += fields.back().wire.size();
  }
  if (data) data->commit();

  AtomicFile file(path);
  file.write(model_wire(model, graph_size));
  file.write(graph);
  for (const Field& field : fields) {
    file.write(field.wire);
    if (field.inside != nullptr) file.write(field.inside->data());
  }
  file.commit();
  return data.has_value();
}

}  // namespace convmae
