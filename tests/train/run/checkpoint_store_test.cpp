#include "convmae/train/run/checkpoint_store.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"
#include <cmath>
#include <fstream>
#include <limits>

namespace convmae {
namespace {

class Store : public testing::Test {
 protected:
  void add(std::int64_t step, std::optional<double> score = std::nullopt) {
    write_checkpoint(store_.path_of(step), CheckpointKind::weights,
                     {{"step", at::full({1}, static_cast<float>(step))}}, tiny_info(), {});
    store_.added();
    if (score) store_.evaluated(step, score);
  }
  std::string best() const { return model_file(scratch_.path()).stem().string(); }
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
  add(20, 0.5);
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
  add(10, 2);
  add(20);
  add(30, 1);
  add(40);
  EXPECT_THAT(names(), testing::ElementsAre("step-00000040", "step-00000030"));
  EXPECT_FALSE(store_.was_evaluated(10));
}

TEST_F(Store, AWorseOneIsNotTheBestAndTheNewerOfEqualsIs) {
  add(10, 1);
  add(20, 2);
  EXPECT_EQ(best(), "step-00000010");
  add(30, 1);
  EXPECT_EQ(best(), "step-00000030");
}

TEST_F(Store, ScoresOnOtherImagesAreNotCompared) {
  add(10);
  store_.evaluated(10, 1, "some");
  add(20);
  store_.evaluated(20, 2, "others");
  EXPECT_EQ(best(), "step-00000020");
  add(30);
  store_.evaluated(30, 3, "others");
  EXPECT_EQ(best(), "step-00000020");
  add(40);
  add(50);
  EXPECT_THAT(names(), testing::ElementsAre("step-00000050", "step-00000040", "step-00000020"));
}

TEST_F(Store, ScoresOfEarlierVersionsAreComparedWithAll) {
  add(10, 1);
  add(20);
  store_.evaluated(20, 2, "some");
  EXPECT_EQ(best(), "step-00000010");
}

TEST_F(Store, AScoreThatIsNotFiniteIsNone) {
  for (const double score : {std::nan(""), -std::numeric_limits<double>::infinity()}) {
    add(10, score);
    EXPECT_TRUE(store_.was_evaluated(10));
    EXPECT_EQ(store_.score(10), std::nullopt);
  }
  EXPECT_FALSE(std::filesystem::exists(directory_ / "best.safetensors"));
}

TEST_F(Store, WithoutScoresTheModelIsTheNewest) {
  add(10);
  add(20);
  EXPECT_EQ(best(), "step-00000020");
}

TEST_F(Store, TheBestIsFoundWithoutTheLink) {
  add(10, 1);
  add(20, 2);
  std::filesystem::remove(directory_ / "best.safetensors");
  EXPECT_EQ(best(), "step-00000010");
}

TEST_F(Store, TheBestOfAnEarlierVersionStays) {
  add(10);
  std::filesystem::create_symlink("step-00000010.safetensors", directory_ / "best.safetensors");
  store_.adopt_best(0.5);
  add(20, 0.7);
  add(30, 0.6);
  EXPECT_EQ(best(), "step-00000010");
}

TEST_F(Store, ALinkThatNoScoreSpeaksForGoes) {
  add(10);
  std::filesystem::create_symlink("step-00000010.safetensors", directory_ / "best.safetensors");
  add(20);
  EXPECT_FALSE(std::filesystem::is_symlink(directory_ / "best.safetensors"));
}

TEST_F(Store, OrdersBySteps) {
  CheckpointStore all(directory_, 10);
  for (const std::int64_t step : {9, 123456789, 10, 100000000}) {
    std::ofstream(all.path_of(step)) << "x";
  }
  EXPECT_THAT(names(), testing::ElementsAre("step-123456789", "step-100000000", "step-00000010",
                                            "step-00000009"));
}

TEST_F(Store, PassesOverDamagedFilesAndSaysWhy) {
  add(10);
  add(20);
  damage(store_.path_of(20));
  std::vector<CheckpointStore::PassedOver> passed_over;
  EXPECT_EQ(store_.open_newest(passed_over)->path(), store_.path_of(10));
  ASSERT_EQ(passed_over.size(), 1);
  EXPECT_EQ(passed_over[0].checkpoint, store_.path_of(20));
  EXPECT_THAT(passed_over[0].reason, testing::HasSubstr("step-00000020"));
}

TEST_F(Store, PassesOverWhatItsReaderRefuses) {
  add(10);
  add(20);
  std::vector<CheckpointStore::PassedOver> passed_over;
  const auto file = store_.open_newest(passed_over, [&](const CheckpointFile& candidate) {
    if (candidate.path() == store_.path_of(20)) throw UserError("no");
  });
  EXPECT_EQ(file->path(), store_.path_of(10));
  EXPECT_EQ(passed_over.size(), 1);
}

TEST_F(Store, GoesOnBehindWhatWasPassedOver) {
  add(10);
  add(20);
  std::vector<CheckpointStore::PassedOver> passed_over{{store_.path_of(20), "no"}};
  EXPECT_EQ(store_.open_newest(passed_over)->path(), store_.path_of(10));
  passed_over.push_back({store_.path_of(10), "neither"});
  EXPECT_THROW(store_.open_newest(passed_over), UserError);
}

TEST_F(Store, WithoutAUsableFileTellsTheFirstReason) {
  add(10);
  damage(store_.path_of(10));
  std::vector<CheckpointStore::PassedOver> passed_over;
  try {
    store_.open_newest(passed_over);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("step-00000010"));
  }
}

TEST_F(Store, IgnoresOtherFiles) {
  add(10);
  std::ofstream(directory_ / "step-12x.safetensors") << "x";
  std::ofstream(directory_ / "notes.txt") << "x";
  EXPECT_THAT(names(), testing::ElementsAre("step-00000010"));
}

TEST_F(Store, RemovesWhatComesAfterTheContinuedStep) {
  add(10, 2);
  add(20, 1);
  store_.remove_after(10);
  EXPECT_THAT(names(), testing::ElementsAre("step-00000010"));
  EXPECT_FALSE(store_.was_evaluated(20));
  EXPECT_EQ(best(), "step-00000010");
}

}  // namespace
}  // namespace convmae
