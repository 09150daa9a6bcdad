#include "convmae/io/weights.h"

#include "convmae/base/error.h"
#include "convmae/io/pth/pth_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_files.h"
#include <array>
#include <map>
#include <set>

namespace convmae {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class WeightFileTest : public ::testing::Test {
 protected:
  WeightFileTest() {
    for (std::size_t i = 0; i < data_.size(); ++i) data_[i] = static_cast<std::byte>(i % 2);
  }

  Value tensor(DType dtype, std::vector<std::int64_t> shape) {
    TensorView view{"", dtype, std::move(shape), {}};
    view.data = std::span(data_).first(static_cast<std::size_t>(view.numel() * size_of(dtype)));
    return arena_.new_tensor(as_strided(view));
  }

  Value dict(std::vector<std::pair<Value, Value>> entries) {
    Dict* const made = arena_.new_dict();
    made->entries = std::move(entries);
    return made;
  }

  WeightFile open(const Value& root) {
    write_pth(directory_ / "x.pth", root);
    return WeightFile(directory_ / "x.pth");
  }

  static std::vector<std::string> names(const WeightFile& file) {
    std::vector<std::string> names;
    for (const Weight& weight : file.weights()) names.push_back(weight.name);
    return names;
  }

  test::TemporaryDirectory directory_;
  ValueArena arena_;
  std::array<std::byte, 64> data_{};
};

TEST_F(WeightFileTest, FindsWeightsUnderModelWithWhatElseThereIs) {
  const Value args = arena_.new_object("argparse.Namespace");
  const WeightFile file = open(
      dict({{"model", dict({{"a", tensor(DType::f32, {2, 3})}, {"b", tensor(DType::f16, {})}})},
            {"optimizer", dict({{"state", dict({})}})},
            {"epoch", std::int64_t{39}},
            {"args", args}}));
  EXPECT_EQ(file.kind(), WeightFileKind::pth_zip);
  EXPECT_THAT(names(file), ElementsAre("a", "b"));
  EXPECT_EQ(file.location(), "model");
  EXPECT_EQ(file.epoch(), 39);
  EXPECT_TRUE(file.has_optimizer());
  EXPECT_NE(file.arguments(), nullptr);
  ASSERT_NE(file.find("a"), nullptr);
  EXPECT_THAT(file.find("a")->tensor.shape, ElementsAre(2, 3));
  EXPECT_EQ(file.find("c"), nullptr);
  std::vector<std::byte> read(24);
  file.read(*file.find("a"), read);
  EXPECT_TRUE(std::ranges::equal(read, std::span(data_).first(24)));
}

TEST_F(WeightFileTest, FindsWeightsElsewhere) {
  const Value weights = dict({{"a", tensor(DType::f32, {1})}});
  const WeightFile top = open(weights);
  EXPECT_EQ(top.location(), "");
  EXPECT_FALSE(top.has_optimizer());
  EXPECT_EQ(top.epoch(), std::nullopt);
  EXPECT_EQ(open(dict({{"state_dict", weights}})).location(), "state_dict");
  EXPECT_EQ(open(dict({{"module", weights}})).location(), "module");
  EXPECT_EQ(open(dict({{"state_dict", dict({{"model", weights}})}})).location(),
            "state_dict/model");
  EXPECT_EQ(open(dict({{"lr", tensor(DType::f32, {})}, {"model", weights}})).location(), "model");
  EXPECT_TRUE(open(dict({{"epoch", std::int64_t{1}}})).weights().empty());
}

TEST_F(WeightFileTest, FindsWeightsOfAveragesAndTeachers) {
  const Value weights = dict({{"a", tensor(DType::f32, {1})}});
  const Value two = dict({{"a", tensor(DType::f32, {1})}, {"b", tensor(DType::f32, {1})}});
  for (const char* const name : {"model_ema", "state_dict_ema", "ema", "teacher", "student",
                                 "encoder", "target_encoder", "backbone"}) {
    const WeightFile file = open(dict({{name, weights}, {"epoch", std::int64_t{1}}}));
    EXPECT_EQ(file.location(), name);
    EXPECT_THAT(names(file), ElementsAre("a"));
    EXPECT_TRUE(file.others().empty());
  }
  EXPECT_EQ(open(dict({{"student", two}, {"teacher", weights}})).location(), "teacher");
  EXPECT_EQ(open(dict({{"ema", dict({{"module", two}})}})).location(), "ema/module");
}

TEST_F(WeightFileTest, TellsOfTensorsThatItPassesOver) {
  const Value weights =
      dict({{"a", tensor(DType::f32, {1})}, {"inner", dict({{"b", tensor(DType::f32, {1})}})}});
  Value list = arena_.new_list();
  list.sequence()->items = {tensor(DType::f32, {1}), tensor(DType::f32, {1})};
  const WeightFile file =
      open(dict({{"state_dict", dict({{"teacher", weights}, {"model", weights}})},
                 {"ema", dict({{"shadow", list}})},
                 {"optimizer", dict({{"state", list}})},
                 {"lr", 0.1}}));
  EXPECT_EQ(file.location(), "state_dict/model");
  std::map<std::string, std::int64_t> found;
  for (const WeightFile::Other& entry : file.others()) found[entry.name] = entry.tensors;
  const std::map<std::string, std::int64_t> expected{
      {"ema", 2}, {"state_dict/teacher", 2}, {"state_dict/model/inner", 1}};
  EXPECT_EQ(found, expected);
}

TEST_F(WeightFileTest, SaysWhatStandsInThePlaceOfWeights) {
  const std::string index =
      R"({"metadata": {"total_size": 12}, "weight_map": {"a": "x-00001-of-00002.safetensors",)"
      R"( "b": "x-00002-of-00002.safetensors", "c": "x-00002-of-00002.safetensors"}})";
  for (const auto& [text, expected] : std::map<std::string, std::string>{
           {index, "in which of 2 files (x-00001-of-00002.safetensors, ...) each of 3 weights"},
           {" \n" + index, "is the index of a checkpoint in several files"},
           {R"({"weight_map": {)", "which holds no weights itself"},
           {R"({"architectures": ["ViT"]})", "is JSON"},
           {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"},
           {"<!DOCTYPE html><html></html>", "is a web page"},
           {"\x89HDF\r\n\x1a\n", "is an HDF5 file"},
           {std::string(257, 'x') + "ustar", "is a tar archive"},
       }) {
    test::write_text(directory_ / "x", text);
    EXPECT_THAT([&] { WeightFile file(directory_ / "x"); },
                ThrowsMessage<UserError>(HasSubstr(expected)));
  }
}

TEST_F(WeightFileTest, TakesOffPrefixesThatAllNamesShare) {
  const WeightFile wrapped = open(dict({{"module._orig_mod.a", tensor(DType::f32, {1})},
                                        {"module._orig_mod.b.c", tensor(DType::f32, {1})}}));
  EXPECT_THAT(names(wrapped), ElementsAre("a", "b.c"));
  EXPECT_EQ(wrapped.stripped_prefix(), "module._orig_mod.");
  const WeightFile mixed =
      open(dict({{"module.a", tensor(DType::f32, {1})}, {"module_b", tensor(DType::f32, {1})}}));
  EXPECT_THAT(names(mixed), ElementsAre("module.a", "module_b"));
}

TEST_F(WeightFileTest, ReadsSafetensors) {
  const std::vector<TensorView> tensors = {
      {"a", DType::f32, {2}, std::span(data_).first(8)},
      {"optimizer.exp_avg.a", DType::f32, {2}, std::span(data_).first(8)}};
  write_safetensors(directory_ / "x", tensors, {{"k", "v"}});
  const WeightFile file(directory_ / "x");
  EXPECT_EQ(file.kind(), WeightFileKind::safetensors);
  EXPECT_THAT(names(file), ElementsAre("a"));
  EXPECT_TRUE(file.has_optimizer());
  EXPECT_EQ(file.metadata().at("k"), "v");
}

TEST_F(WeightFileTest, KnowsSafetensorsWhateverTheLengthOfTheHeader) {
  // A legacy checkpoint begins with the byte 0x80, and so do some lengths.
  const std::vector<TensorView> tensors = {{"a", DType::f32, {2}, std::span(data_).first(8)}};
  std::set<int> first_bytes;
  for (std::size_t length = 0; length < 300; length += 8) {
    write_safetensors(directory_ / "x", tensors, {{"k", std::string(length, 'v')}});
    first_bytes.insert(static_cast<unsigned char>(test::read_text(directory_ / "x").front()));
    EXPECT_EQ(WeightFile(directory_ / "x").kind(), WeightFileKind::safetensors);
  }
  EXPECT_TRUE(first_bytes.contains(0x80));
}

TEST_F(WeightFileTest, ReadsStridedTensorsInRowMajorOrder) {
  StridedTensor transposed;
  transposed.dtype = DType::u8;
  transposed.shape = {3, 2};
  transposed.stride = {1, 3};
  const std::array<std::byte, 6> storage = {std::byte{0}, std::byte{1}, std::byte{2},
                                            std::byte{3}, std::byte{4}, std::byte{5}};
  transposed.storage = storage;
  const WeightFile file = open(dict({{"t", arena_.new_tensor(transposed)}}));
  std::vector<std::byte> read(6);
  file.read(file.weights()[0], read);
  EXPECT_THAT(read, ElementsAre(std::byte{0}, std::byte{3}, std::byte{1}, std::byte{4},
                                std::byte{2}, std::byte{5}));
}

TEST_F(WeightFileTest, RefusesBooleansThatAreNeitherTrueNorFalse) {
  data_[1] = std::byte{2};
  const WeightFile file = open(dict({{"flags", tensor(DType::boolean, {3})}}));
  std::vector<std::byte> read(3);
  EXPECT_THAT([&] { file.read(file.weights()[0], read); },
              ThrowsMessage<UserError>(HasSubstr("'flags'")));
}

TEST_F(WeightFileTest, SaysWhatOtherFilesAreNot) {
  test::write_text(directory_ / "x", "just some text");
  EXPECT_THAT([&] { WeightFile file(directory_ / "x"); },
              ThrowsMessage<UserError>(HasSubstr("neither a PyTorch checkpoint")));
  test::write_text(directory_ / "x", "");
  EXPECT_THAT([&] { WeightFile file(directory_ / "x"); },
              ThrowsMessage<UserError>(HasSubstr("is empty")));
}

}  // namespace
}  // namespace convmae
