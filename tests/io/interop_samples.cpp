// Writes one file of each kind into the directory given, for the Python packages to read, and
// writes the checkpoints given once more into it.

#include "convmae/io/atomic_file.h"
#include "convmae/io/onnx/onnx.h"
#include "convmae/io/pth/pth.h"
#include "convmae/io/pth/pth_writer.h"
#include "convmae/io/safetensors/safetensors.h"
#include "convmae/io/tensorboard.h"

#include <array>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

namespace convmae {
namespace {

void write_tensors(const std::filesystem::path& path) {
  const std::array<float, 6> a = {0, 1, 2, 3, 4, 5.5};
  const std::array<std::int64_t, 2> b = {-1, std::int64_t{1} << 40};
  const std::array<std::uint8_t, 3> c = {1, 0, 1};
  const std::vector<TensorView> tensors = {
      {"a.weight", DType::f32, {2, 3}, std::as_bytes(std::span(a))},
      {"b", DType::i64, {2}, std::as_bytes(std::span(b))},
      {"c", DType::boolean, {3, 1}, std::as_bytes(std::span(c))},
      {"scalar", DType::f32, {}, std::as_bytes(std::span(a)).last(4)},
      {"empty", DType::bf16, {0, 7}, {}}};
  write_safetensors(path, tensors, {{"config", R"({"model": "nano"})"}, {"title", "\xC3\xA9\n\""}});
}

/// What convert makes of a training checkpoint.
void write_checkpoint(const std::filesystem::path& path) {
  static constexpr std::array<float, 8> kData = {0, 1, 2, 3, 4, 5, 6, 7};
  const std::span<const std::byte> storage = std::as_bytes(std::span(kData));
  ValueArena arena;
  const auto tensor = [&](DType dtype, std::vector<std::int64_t> shape,
                          std::vector<std::int64_t> stride, std::int64_t offset) -> Value {
    StridedTensor made;
    made.dtype = dtype;
    made.shape = std::move(shape);
    made.stride = std::move(stride);
    made.offset = offset;
    made.storage = storage;
    return arena.new_tensor(std::move(made));
  };
  Dict* const model = arena.new_dict(true);
  model->entries = {{"whole", tensor(DType::f32, {2, 4}, {4, 1}, 0)},
                    {"transposed", tensor(DType::f32, {4, 2}, {1, 4}, 0)},
                    {"tail", tensor(DType::f32, {3}, {1}, 5)},
                    {"halves", tensor(DType::bf16, {16}, {1}, 0)},
                    {"words", tensor(DType::u16, {2, 2}, {2, 1}, 4)},
                    {"empty", arena.new_tensor(as_strided({"", DType::i64, {0, 3}, {}}))}};
  const std::int64_t wide = std::int64_t{1} << 40;
  const Value list = arena.new_list();
  list.sequence()->items = {std::int64_t{1},
                            -2.5,
                            Value(),
                            true,
                            BigInteger{"1180591620717411303424"},
                            BigInteger{"-340282366920938463463374607431768211456"},
                            -wide,
                            Bytes{storage.subspan(2, 2)}};
  Object* const args = arena.new_object("argparse.Namespace");
  args->attributes.entries = {{"lr", 0.5},
                              {"betas", arena.new_tuple({0.9, 0.95})},
                              {"name", "\xC3\xA9"},
                              {"none", arena.new_tuple()}};
  Dict* const root = arena.new_dict();
  root->entries = {{"model", model},
                   {"epoch", std::int64_t{300}},
                   {"list", list},
                   {"args", args},
                   {"accuracy", arena.new_numpy_scalar({DType::f64, 84.98})},
                   {std::int64_t{3}, arena.new_dict()}};
  write_pth(path, root);
}

void write_events(const std::filesystem::path& directory) {
  // 1x1 pixel
  constexpr std::array<unsigned char, 69> kPng = {
      0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0,    0,    0,    0x0D, 0x49, 0x48,
      0x44, 0x52, 0,    0,    0,    1,    0,    0,    0,    1,    8,    2,    0,    0,
      0,    0x90, 0x77, 0x53, 0xDE, 0,    0,    0,    0x0C, 0x49, 0x44, 0x41, 0x54, 0x08,
      0xD7, 0x63, 0xF8, 0xCF, 0xC0, 0,    0,    3,    1,    1,    0,    0x18, 0xDD, 0x8D,
      0xB0, 0,    0,    0,    0,    0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82};
  TensorboardWriter first(directory);
  for (int step = 0; step < 5; ++step) first.scalar("train_loss", 1.0 / (1 + step), step);
  TensorboardWriter resumed(directory, 3);
  resumed.scalar("train_loss", 7, 3);
  resumed.image("panel", std::as_bytes(std::span(kPng)), 1, 1, 3);
  resumed.text("command", "convmae **pretrain**", 3);
}

/// y = x W + 1 with every kind of attribute on the way, its weights inside and beside it.
void write_models(const std::filesystem::path& directory) {
  static const std::vector<float> weights = [] {
    std::vector<float> values(3UL * 200);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 8;
    return values;
  }();
  static constexpr std::array<float, 1> kOne = {1};
  OnnxModel model;
  model.name = "sample";
  model.producer_version = "1";
  model.inputs = {{"x", DType::f32, {"batch", std::int64_t{2}, std::int64_t{3}}}};
  model.outputs = {{"y", DType::f32, {"batch", std::int64_t{2}, std::int64_t{200}}}};
  model.nodes = {{"LeakyRelu", {"x"}, {"positive"}, {{"alpha", 1.0F}}},
                 {"Transpose", {"positive"}, {"t"}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}}},
                 {"Transpose", {"t"}, {"same"}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}}},
                 {"MatMul", {"same", "w"}, {"product"}, {}},
                 {"Pad", {"product", "none", "one"}, {"padded"}, {{"mode", "constant"}}},
                 {"Concat", {"padded"}, {"whole"}, {{"axis", std::int64_t{-1}}}},
                 {"Add", {"whole", "one"}, {"y"}, {}}};
  static constexpr std::array<std::int64_t, 6> kNone = {};
  const auto bytes_of = [](const auto& values) {
    return [&values] { return std::as_bytes(std::span(values)); };
  };
  model.weights = {{"w", DType::f32, {3, 200}, bytes_of(weights)},
                   {"one", DType::f32, {}, bytes_of(kOne)},
                   {"none", DType::i64, {6}, bytes_of(kNone)}};
  model.metadata = {{"classes", R"(["猫"])"}};
  write_onnx(directory / "sample.onnx", model);
  write_onnx(directory / "sample.beside.onnx", model, /*most_inside=*/1024);
}

}  // namespace
}  // namespace convmae

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: io_samples DIRECTORY [PTH...]\n";
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  convmae::write_tensors(directory / "sample.safetensors");
  convmae::write_checkpoint(directory / "sample.pth");
  convmae::write_events(directory);
  convmae::write_models(directory);
  for (const char* const path : std::span(argv, static_cast<std::size_t>(argc)).subspan(2)) {
    const convmae::PthFile file(path);
    convmae::write_pth(directory / file.path().filename(), file.root());
  }
  return 0;
}
