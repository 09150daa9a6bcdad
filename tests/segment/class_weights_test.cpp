#include "convmae/segment/class_weights.h"

#include "convmae/base/error.h"
#include "convmae/report/png.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace convmae {
namespace {

using testing::HasSubstr;

LabelScheme three_classes() { return {{{"sea", {1}}, {"ice", {2}}, {"sand", {3}}}, {0}}; }

class ClassWeights : public testing::Test {
 protected:
  at::Tensor read(const std::string& text) const {
    std::ofstream(scratch_.path() / "weights.csv") << text;
    return read_class_weights(scratch_.path() / "weights.csv", three_classes());
  }
  std::string error_of(const std::string& text) const {
    try {
      read(text);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  ScratchDirectory scratch_;
};

TEST_F(ClassWeights, StandInOrderOrByName) {
  const at::Tensor expected = at::tensor({1.F, 0.5F, 2.F});
  EXPECT_TRUE(at::equal(read("1\n0.5\n2\n"), expected));
  EXPECT_TRUE(at::equal(read("class,weight\nsand,2\nsea,1\nice,0.5\n"), expected));
}

TEST_F(ClassWeights, AreRefusedWithTheirLine) {
  EXPECT_THAT(error_of("1\n2\n"), HasSubstr("no weight for the class 'sand'"));
  EXPECT_THAT(error_of("1\n2\n3\n4\n"), HasSubstr("line 4"));
  EXPECT_THAT(error_of("sea,1\nsea,2\n"), HasSubstr("line 2"));
  EXPECT_THAT(error_of("sea,1\nlake,2\n"), HasSubstr("'lake'"));
  EXPECT_THAT(error_of("1\n-1\n1\n"), HasSubstr("line 2"));
  EXPECT_THAT(error_of("1\nnan\n1\n"), HasSubstr("found 'nan'"));
  EXPECT_THAT(error_of("1,2,3\n"), HasSubstr("line 1"));
}

TEST_F(ClassWeights, OfPixelsLetClassesCountAlike) {
  const auto write = [&](const char* name, const std::vector<std::uint8_t>& ids) {
    const std::vector<std::uint8_t> png = encode_grey_png(ids, 2, 4);
    std::ofstream(scratch_.path() / name)
        .write(reinterpret_cast<const char*>(png.data()), std::ssize(png));
  };
  write("a.png", {1, 1, 1, 1, 1, 1, 3, 0});
  write("b.png", {3, 0, 0, 0, 0, 0, 0, 0});
  write("c.png", {9, 9, 9, 9, 9, 9, 9, 9});  // of no class: left out
  std::vector<LabelPairs::Pair> pairs;
  for (const char* const name : {"a.png", "b.png", "c.png"}) {
    pairs.push_back({"none", (scratch_.path() / name).string()});
  }
  const LabelledPairs data{
      std::make_shared<LabelPairs>(std::move(pairs), LabelPairs::Lone{}, SourceAccount{}),
      std::make_shared<LabelScheme>(three_classes())};
  std::int64_t heard = 0;
  const at::Tensor weights =
      balanced_class_weights(data, 1'000, [&heard](std::int64_t done) { heard = done; });
  EXPECT_TRUE(at::allclose(weights, at::tensor({8.F / 12, 1.F, 8.F / 4})));
  EXPECT_EQ(heard, 2);
}

}  // namespace
}  // namespace convmae
