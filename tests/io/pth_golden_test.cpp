#include "convmae/base/error.h"
#include "convmae/io/pth.h"
#include "convmae/io/safetensors.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "float_values.h"
#include "test_files.h"
#include <cstdlib>
#include <cstring>
#include <set>

namespace convmae {
namespace {

using nlohmann::json;

/// The golden data of the tree, or the full set that CONVMAE_GOLDEN names.
std::filesystem::path golden(const std::string& name) {
  const char* const directory = std::getenv("CONVMAE_GOLDEN");
  const std::filesystem::path root =
      directory == nullptr ? std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests/golden" : directory;
  return root / name;
}

std::vector<std::string> checkpoints() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(golden("pth"))) {
    if (entry.path().extension() == ".pth") names.push_back(entry.path().stem().string());
  }
  return names;
}

json plain(const Value& value) {
  if (const auto boolean = value.boolean()) return *boolean;
  if (const auto integer = value.integer()) return *integer;
  if (const auto big = value.get<BigInteger>()) return big->decimal;
  if (const auto text = value.text()) return *text;
  if (const auto scalar = value.get<NumpyScalar*>()) return plain((*scalar)->value);
  if (const auto real = value.real()) {
    if (std::isinf(*real)) return *real > 0 ? "inf" : "-inf";
    return *real;
  }
  if (value.sequence() != nullptr) return json::array();
  if (value.members() != nullptr) return json::object();
  return nullptr;
}

json leaf(const Value& value) {
  std::string type = type_name(value);
  if (const auto array = value.get<NumpyArray*>()) {
    const StridedTensor& tensor = (*array)->tensor;
    return {{"type", type},
            {"dtype", torch_name(tensor.dtype)},
            {"shape", tensor.shape},
            {"value", test::values_of(tensor)}};
  }
  return {{"type", type}, {"value", plain(value)}};
}

class PthGolden : public ::testing::TestWithParam<std::string> {
 protected:
  PthFile file_{golden("pth/" + GetParam() + ".pth")};
  SafetensorsFile expected_{golden("pth/" + GetParam() + ".expected.safetensors")};
};

TEST_P(PthGolden, HasTheTensors) {
  const json layout = json::parse(expected_.metadata().at("layout"));
  std::set<std::string> seen;
  std::map<std::int64_t, std::int64_t> storage_of_expected;
  std::map<std::int64_t, std::int64_t> expected_of_storage;
  for_each_leaf(file_.root(), [&](const std::string& path, const Value& value) {
    const StridedTensor* const tensor = value.tensor();
    if (tensor == nullptr) return;
    SCOPED_TRACE(path);
    ASSERT_TRUE(layout.contains(path));
    seen.insert(path);
    const json& expected = layout[path];
    EXPECT_EQ(torch_name(tensor->dtype), expected["dtype"]);
    EXPECT_EQ(json(tensor->shape), expected["shape"]);
    EXPECT_EQ(json(tensor->stride), expected["stride"]);
    EXPECT_EQ(tensor->offset, expected["storage_offset"]);
    EXPECT_EQ(tensor->requires_grad, expected["requires_grad"]);
    const std::int64_t storage = expected["storage"];
    EXPECT_EQ(storage_of_expected.emplace(storage, tensor->storage_id).first->second,
              tensor->storage_id);
    EXPECT_EQ(expected_of_storage.emplace(tensor->storage_id, storage).first->second, storage);

    std::vector<float> values(static_cast<std::size_t>(tensor->numel()));
    expected_.read(expected_.at(path), std::as_writable_bytes(std::span(values)));
    const std::vector<double> read = test::values_of(*tensor);
    ASSERT_EQ(read.size(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(static_cast<float>(read[i]), values[i]) << "element " << i;
    }
  });
  EXPECT_EQ(seen.size(), layout.size());
}

TEST_P(PthGolden, HasTheLeaves) {
  json leaves = json::object();
  for_each_leaf(file_.root(), [&](const std::string& path, const Value& value) {
    if (value.tensor() == nullptr) leaves[path] = leaf(value);
  });
  EXPECT_EQ(leaves, json::parse(expected_.metadata().at("leaves")));
}

TEST_P(PthGolden, ReadsWithoutTheMappingWhatTheMappingHolds) {
  for_each_leaf(file_.root(), [&](const std::string& path, const Value& value) {
    const StridedTensor* const tensor = value.tensor();
    if (tensor == nullptr) return;
    std::vector<std::byte> read(static_cast<std::size_t>(tensor->bytes()));
    std::vector<std::byte> copied(read.size());
    read_tensor(file_.file(), *tensor, read);
    copy_elements(*tensor, copied);
    EXPECT_EQ(read, copied) << path;
  });
}

INSTANTIATE_TEST_SUITE_P(Files, PthGolden, ::testing::ValuesIn(checkpoints()),
                         [](const auto& test) { return test.param; });

TEST(PthGoldenBad, AreReadOrRefusedAsTheManifestSays) {
  const json manifest = json::parse(test::read_text(golden("pth_bad/manifest.json")));
  for (const auto& [name, entry] : manifest.items()) {
    SCOPED_TRACE(name);
    const std::filesystem::path path = golden("pth_bad/" + name);
    if (entry["must"] == "load") {
      EXPECT_NO_THROW(PthFile file(path));
    } else {
      EXPECT_THROW(PthFile file(path), UserError);
    }
  }
}

}  // namespace
}  // namespace convmae
