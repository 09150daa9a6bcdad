#include "convmae/train/weights/checkpoint_store.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tiny_model.h"
#include <fstream>

namespace convmae {
namespace {

class Store : public testing::Test {
 protected:
  void add(std::int64_t step, bool is_best = false) {
    write_checkpoint(store_.path_of(step), CheckpointKind::weights,
                     {{"step", at::full({1}, static_cast<float>(step))}}, tiny_info(), {});
    store_.added(step, is_best);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& path : store_.newest_first()) names.push_back(path.stem().string());
    return names;
  }
  static void damage(const std::filesystem::path& path) {
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  }

  ScratchDirectory scratch_;
  std::filesystem::path directory_ = scratch_.path() / "checkpoints";
  CheckpointStore store_{directory_, 2};
};

TEST_F(Store, KeepsTheNewestAndTheBest) {
  add(10);
  add(20, /*is_best=*/true);
  add(30);
  add(40);
  add(50);
  EXPECT_THAT(names(), testing::ElementsAre("step-00000050", "step-00000040", "step-00000020"));
  const CheckpointFile best(directory_ / "best.safetensors");
  const at::Tensor step = at::zeros({1});
  best.read("step", step);
  EXPECT_EQ(step.item<float>(), 20);
}

TEST_F(Store, ANewBestLetsTheOldOneGo) {
  add(10, true);
  add(20);
  add(30, true);
  add(40);
  EXPECT_THAT(names(), testing::ElementsAre("step-00000040", "step-00000030"));
}

TEST_F(Store, OrdersBySteps) {
  CheckpointStore all(directory_, 10);
  for (const std::int64_t step : {9, 123456789, 10, 100000000}) {
    std::ofstream(all.path_of(step)) << "x";
  }
  EXPECT_THAT(names(), testing::ElementsAre("step-123456789", "step-100000000", "step-00000010",
                                            "step-00000009"));
}

TEST_F(Store, PassesOverDamagedFilesWithAWarning) {
  add(10);
  add(20);
  damage(store_.path_of(20));
  std::vector<std::string> warnings;
  const auto file = store_.open_newest([&](const std::string& text) { warnings.push_back(text); });
  EXPECT_EQ(file->path(), store_.path_of(10));
  EXPECT_THAT(warnings, testing::ElementsAre(testing::HasSubstr("step-00000020")));
}

TEST_F(Store, WithoutAUsableFileSaysSo) {
  add(10);
  damage(store_.path_of(10));
  EXPECT_THROW(store_.open_newest([](const std::string&) {}), UserError);
}

TEST_F(Store, IgnoresOtherFiles) {
  add(10);
  std::ofstream(directory_ / "step-12x.safetensors") << "x";
  std::ofstream(directory_ / "notes.txt") << "x";
  EXPECT_THAT(names(), testing::ElementsAre("step-00000010"));
}

TEST_F(Store, RemovesWhatComesAfterTheContinuedStep) {
  add(10);
  add(20);
  store_.remove_after(10);
  EXPECT_THAT(names(), testing::ElementsAre("step-00000010"));
}

}  // namespace
}  // namespace convmae
