#include "convmae/io/pth/pth.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace convmae {
namespace {

// What the files hold, value by value, is compared by `convmae_golden` (the test `golden`).

std::filesystem::path directory() {
  return std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests/golden/pth";
}

std::vector<std::string> checkpoints() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory())) {
    if (entry.path().extension() == ".pth") names.push_back(entry.path().stem().string());
  }
  return names;
}

class Pth : public ::testing::TestWithParam<std::string> {};

TEST_P(Pth, ReadsWithoutTheMappingWhatTheMappingHolds) {
  const PthFile file(directory() / (GetParam() + ".pth"));
  int tensors = 0;
  for_each_leaf(file.root(), [&](const std::string& path, const Value& value) {
    const StridedTensor* const tensor = value.tensor();
    if (tensor == nullptr) return;
    ++tensors;
    std::vector<std::byte> read(static_cast<std::size_t>(tensor->bytes()));
    std::vector<std::byte> copied(read.size());
    read_tensor(file.file(), *tensor, read);
    copy_elements(*tensor, copied);
    EXPECT_EQ(read, copied) << path;
  });
  EXPECT_GT(tensors, 0);
}

INSTANTIATE_TEST_SUITE_P(Files, Pth, ::testing::ValuesIn(checkpoints()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace convmae
