#include "golden/replay/compare.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <unistd.h>

namespace convmae::golden {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

/// A golden file with these tensors, there while the object lives.
class Golden {
 public:
  explicit Golden(const Tensors& tensors, const std::string& rounding = "{}",
                  const std::string& config = R"({"noise_tensors": ["out.noise"]})")
      : path_(std::filesystem::temp_directory_path() /
              ("golden-" + std::to_string(::getpid()) + ".safetensors")) {
    std::vector<TensorView> views;
    for (const auto& [name, tensor] : tensors) {
      const bool pixels = tensor.scalar_type() == at::kByte;
      views.push_back({name,
                       pixels ? DType::u8 : DType::f32,
                       tensor.sizes().vec(),
                       {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
    }
    write_safetensors(path_, views, {{"config", config}, {"dev64", rounding}});
  }
  ~Golden() { std::filesystem::remove(path_); }
  Golden(const Golden&) = delete;
  Golden& operator=(const Golden&) = delete;

  Verdict against(const Tensors& ours) const {
    Replay replay;
    replay.tensors = ours;
    return compare(GoldenFile(path_), replay);
  }

 private:
  std::filesystem::path path_;
};

at::Tensor numbers(const std::vector<float>& values) { return at::tensor(values); }

TEST(Compare, EqualTensorsAgree) {
  const Golden golden({{"out.a", numbers({1, 2})}, {"in.x", numbers({7})}});
  const Verdict verdict = golden.against({{"out.a", numbers({1, 2})}});
  EXPECT_TRUE(verdict.agrees());
  EXPECT_EQ(verdict.compared, 1);
  EXPECT_FALSE(golden.against({{"out.a", numbers({1, 2.001F})}}).agrees());
}

TEST(Compare, WhatIsNotFiniteIsAMissWhateverFollows) {
  for (const float bad : {kNan, kInf, -kInf}) {
    const Golden golden({{"out.a", numbers({1, 2})}, {"out.b", numbers({1, 2})}});
    const Verdict verdict =
        golden.against({{"out.a", numbers({1, bad})}, {"out.b", numbers({1, 2.00001F})}});
    EXPECT_FALSE(verdict.agrees());
    EXPECT_EQ(verdict.worst_name, "out.a");
    // A reference that is not finite itself shows nothing.
    const Golden useless({{"out.a", numbers({1, bad})}});
    EXPECT_FALSE(useless.against({{"out.a", numbers({1, bad})}}).agrees());
    EXPECT_FALSE(useless.against({{"out.a", numbers({5, 6})}}).agrees());
  }
}

TEST(Compare, AnInfiniteRoundingAllowsNothing) {
  const Golden golden({{"out.a", numbers({1})}}, R"({"out.a": [1e999, 1]})");
  EXPECT_ANY_THROW(golden.against({{"out.a", numbers({2})}}).agrees());
  const Golden large({{"out.a", numbers({1})}}, R"({"out.a": [1e308, 1]})");
  EXPECT_FALSE(large.against({{"out.a", numbers({2})}}).agrees());
}

TEST(Compare, MissingExtraAndMisshapenAreMisses) {
  const Golden golden({{"out.a", numbers({1, 2})}, {"grad.w", numbers({1})}});
  const Tensors right{{"out.a", numbers({1, 2})}, {"grad.w", numbers({1})}};
  EXPECT_TRUE(golden.against(right).agrees());

  Tensors ours = right;
  ours.erase("grad.w");
  EXPECT_EQ(golden.against(ours).missing, std::vector<std::string>{"grad.w"});
  EXPECT_FALSE(golden.against(ours).agrees());

  ours = right;
  ours["grad.dead"] = numbers({0});
  EXPECT_EQ(golden.against(ours).extra, std::vector<std::string>{"grad.dead"});
  EXPECT_FALSE(golden.against(ours).agrees());

  ours = right;
  ours["out.a"] = numbers({1, 2}).view({2, 1});
  EXPECT_FALSE(golden.against(ours).agrees());
}

TEST(Compare, PixelsMustBeEqual) {
  const at::Tensor pixels = at::tensor({10, 200}, at::kByte);
  const Golden golden({{"decoded.a", pixels}});
  EXPECT_TRUE(golden.against({{"decoded.a", pixels}}).agrees());
  EXPECT_FALSE(golden.against({{"decoded.a", at::tensor({10, 201}, at::kByte)}}).agrees());
}

TEST(Compare, NothingComparedIsNoAgreement) {
  const Golden inputs({{"in.x", numbers({1})}, {"param.w", numbers({1})}});
  EXPECT_TRUE(inputs.against({{"out.a", numbers({1})}}).nothing());
  EXPECT_FALSE(inputs.against({{"out.a", numbers({1})}}).agrees());
  const Golden noise({{"out.noise", numbers({1})}});
  EXPECT_FALSE(noise.against({{"out.noise", numbers({1})}}).agrees());
}

Verdict json_verdict(const char* golden, const char* ours) {
  Replay replay;
  replay.numbers = Json::parse(ours);
  replay.inputs = {"lr", "rows.*.epoch"};
  return compare(Json::parse(golden), replay);
}

TEST(CompareJson, ComparesAllButTheInputs) {
  const char* const golden = R"({"lr": 3, "rows": [{"epoch": 1, "lr": 0.5, "of": ["a", "b"]}]})";
  EXPECT_TRUE(json_verdict(golden, golden).agrees());
  for (const char* const ours :
       {R"({"rows": [{"lr": 0.51, "of": ["a", "b"]}]})",  // another number
        R"({"rows": [{"lr": null, "of": ["a", "b"]}]})",  // as NaN is written
        R"({"rows": [{"lr": 0.5, "of": ["b", "a"]}]})",   // another order
        R"({"rows": [{"lr": 0.5, "of": ["a"]}]})",        // one missing
        R"({"rows": [{"lr": 0.5, "of": ["a", "b", "c"]}]})", R"({"rows": [{"of": ["a", "b"]}]})",
        R"({"rows": [{"lr": 0.5, "of": ["a", "b"], "new": 1}]})", R"({"rows": []})"}) {
    EXPECT_FALSE(json_verdict(golden, ours).agrees()) << ours;
  }
  EXPECT_TRUE(json_verdict(golden, R"({"rows": [{"lr": 0.5, "of": ["a", "b"]}]})").agrees());
  EXPECT_FALSE(json_verdict(R"({"lr": 3})", R"({"lr": 3})").agrees());
}

TEST(Compare, OnlyWhatWasRecolouredMayBeALevelOff) {
  const at::Tensor levels = at::tensor({10, 20}, at::kByte);
  const at::Tensor off = at::tensor({10, 21}, at::kByte);
  const at::Tensor far = at::tensor({10, 22}, at::kByte);
  const auto agree = [&](const std::string& name, const at::Tensor& ours, const char* config) {
    return Golden({{name, levels}}, "{}", config).against({{name, ours}}).agrees();
  };
  constexpr const char* kTransforms = R"({"colour_ops": []})";
  for (const char* const name :
       {"out.colour.hue_3", "out.colour.saturation_0.5", "out.a.distort.image", "out.a.image"}) {
    EXPECT_TRUE(agree(name, off, kTransforms)) << name;
    EXPECT_FALSE(agree(name, far, kTransforms)) << name;
    EXPECT_FALSE(agree(name, off, "{}")) << name;
  }
  for (const char* const name :
       {"out.colour.hsv", "out.colour.contrast_0.5", "out.a.flip.image", "out.a.label"}) {
    EXPECT_FALSE(agree(name, off, kTransforms)) << name;
    EXPECT_TRUE(agree(name, levels, kTransforms)) << name;
  }
}

}  // namespace
}  // namespace convmae::golden
