#include "convmae/io/safetensors/safetensors_stream.h"

#include "convmae/io/safetensors/safetensors.h"

#include <gtest/gtest.h>

#include "test_files.h"
#include <array>
#include <stdexcept>

namespace convmae {
namespace {

class SafetensorsStreamTest : public ::testing::Test {
 protected:
  static std::span<const std::byte> bytes(std::span<const float> values) {
    return std::as_bytes(values);
  }

  std::vector<float> read(const char* name) const {
    const SafetensorsFile file(path_);
    std::vector<float> values(static_cast<std::size_t>(file.at(name).numel()));
    file.read(file.at(name), std::as_writable_bytes(std::span(values)));
    return values;
  }

  test::TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_.path() / "s.safetensors";
  std::vector<StreamedTensor> tensors_{{"a", DType::f32, {2, 2}}, {"b", DType::f32, {2, 1}}};
};

TEST_F(SafetensorsStreamTest, TensorsGrowSideBySide) {
  SafetensorsStream stream(path_, tensors_, {{"note", "n"}});
  for (const float row : {1.0F, 2.0F}) {
    stream.append(0, bytes(std::array{row, row * 10}));
    stream.append(1, bytes(std::array{row * 100}));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
  stream.commit();
  EXPECT_EQ(read("a"), (std::vector<float>{1, 10, 2, 20}));
  EXPECT_EQ(read("b"), (std::vector<float>{100, 200}));
  EXPECT_EQ(SafetensorsFile(path_).metadata().at("note"), "n");
}

TEST_F(SafetensorsStreamTest, OverfullAndIncompleteTensorsAreMistakes) {
  SafetensorsStream stream(path_, tensors_, {});
  EXPECT_THROW(stream.append(1, bytes(std::array{1.0F, 2.0F, 3.0F})), std::logic_error);
  stream.append(1, bytes(std::array{1.0F, 2.0F}));
  EXPECT_THROW(stream.commit(), std::logic_error);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace convmae
