#include "convmae/io/safetensors/safetensors.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_files.h"
#include <cstring>

namespace convmae {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::string file_with_header(const std::string& header, const std::string& data) {
  const std::uint64_t size = header.size();
  std::string file(sizeof(size), '\0');
  std::memcpy(file.data(), &size, sizeof(size));
  return file + header + data;
}

SafetensorsContent parse(const std::string& file) {
  return parse_safetensors(test::bytes_of(file), "x.safetensors");
}

TEST(Safetensors, WritesAndReadsBack) {
  const test::TemporaryDirectory directory;
  const std::string a = "0123456789ab";
  const std::string b = "zz";
  const std::vector<TensorView> tensors = {{"b", DType::boolean, {2}, test::bytes_of(b)},
                                           {"a", DType::f32, {3, 1}, test::bytes_of(a)},
                                           {"empty", DType::f64, {0, 4}, {}},
                                           {"scalar", DType::bf16, {}, test::bytes_of(b)}};
  write_safetensors(directory / "x", tensors, {{"config", "{\"k\": \"\xC3\xA9\"}"}, {"k", ""}});
  const SafetensorsFile file(directory / "x");
  ASSERT_EQ(file.tensors().size(), 4);
  for (const TensorView& expected : tensors) {
    const TensorView& tensor = file.at(expected.name);
    EXPECT_EQ(tensor.dtype, expected.dtype);
    EXPECT_EQ(tensor.shape, expected.shape);
    EXPECT_TRUE(std::ranges::equal(tensor.data, expected.data));
    std::vector<std::byte> read(tensor.data.size());
    file.read(tensor, read);
    EXPECT_TRUE(std::ranges::equal(read, expected.data));
  }
  EXPECT_EQ(file.metadata().at("config"), "{\"k\": \"\xC3\xA9\"}");
  EXPECT_EQ(file.metadata().size(), 2);
  EXPECT_EQ(file.find("none"), nullptr);
  EXPECT_THAT([&] { return file.at("none"); }, ThrowsMessage<UserError>(HasSubstr("'none'")));
}

TEST(Safetensors, EqualContentGivesEqualFilesWithAlignedTensors) {
  const test::TemporaryDirectory directory;
  const std::string data(64, 'x');
  const auto view = [&](const char* name, DType dtype, std::int64_t n) {
    const auto size = static_cast<std::size_t>(n * size_of(dtype));
    return TensorView{name, dtype, {n}, test::bytes_of(data).first(size)};
  };
  std::vector<TensorView> tensors = {view("c", DType::u8, 3), view("a", DType::f16, 3),
                                     view("b", DType::f64, 2), view("d", DType::f32, 5)};
  write_safetensors(directory / "1", tensors, {});
  std::ranges::reverse(tensors);
  write_safetensors(directory / "2", tensors, {});
  EXPECT_EQ(test::read_text(directory / "1"), test::read_text(directory / "2"));
  const SafetensorsFile file(directory / "1");
  for (const TensorView& tensor : file.tensors()) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data.data()) % size_of(tensor.dtype), 0);
  }
}

TEST(Safetensors, ReadsAFileWithoutTensors) {
  EXPECT_TRUE(parse(file_with_header("{}", "")).tensors.empty());
  EXPECT_EQ(parse(file_with_header(R"({"__metadata__":{"a":"b"}}   )", "")).metadata.at("a"), "b");
}

TEST(Safetensors, OrderInTheHeaderNeedNotBeThatOfTheData) {
  const std::string file =
      file_with_header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},)"
                       R"("b":{"shape":[],"data_offsets":[0,1],"dtype":"I8"}})",
                       "xyz");
  const SafetensorsContent content = parse(file);  // views of it
  ASSERT_EQ(content.tensors.size(), 2);
  EXPECT_EQ(content.tensors[0].name, "b");
  EXPECT_EQ(content.tensors[1].data[0], std::byte{'y'});
}

TEST(Safetensors, ErrorsNameFileAndTensor) {
  EXPECT_THAT(
      [] {
        parse(file_with_header(R"({"a\n":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}})", "x"));
      },
      ThrowsMessage<UserError>("'x.safetensors' is not a valid safetensors file: tensor 'a\\x0a' "
                               "needs 2 bytes by its shape, but has 1"));
}

TEST(Safetensors, NamesAFileThatCannotBeOpened) {
  const test::TemporaryDirectory directory;
  EXPECT_THAT([&] { SafetensorsFile file(directory / "none"); },
              ThrowsMessage<UserError>(HasSubstr("No such file or directory")));
  EXPECT_THAT([&] { SafetensorsFile file(directory.path()); },
              ThrowsMessage<UserError>(HasSubstr("Is a directory")));
  EXPECT_THAT([] { SafetensorsFile file("/dev/zero"); },
              ThrowsMessage<UserError>(HasSubstr("regular file")));
}

}  // namespace
}  // namespace convmae
