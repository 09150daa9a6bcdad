#include "convmae/train/run/run_directory.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/train/run/run_contents.h"
#include "convmae/train/run/run_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"
#include <fstream>
#include <iterator>
#include <set>

namespace convmae {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::ThrowsMessage;

auto refuses(const std::string& fragment) {
  return ThrowsMessage<UserError>(AllOf(HasSubstr(fragment), Not(HasSubstr("\n"))));
}

const nlohmann::ordered_json kRunHeader = {{"version", "1"},
                                           {"command", "convmae pretrain"},
                                           {"n_parameters", 1},
                                           {"images_per_step", 4},
                                           {"steps_per_epoch", 3}};

class Directory : public testing::Test {
 protected:
  void write(const std::filesystem::path& name, const std::string& text = "of the user") {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }

  std::set<std::string> listing() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
      names.insert(entry.path().lexically_relative(root_).string());
    }
    return names;
  }

  void create(bool overwrite = false) const { RunDirectory::create(root_, overwrite); }

  /// What a new run writes first; `epochs` of them, and a checkpoint if there is to be one.
  void write_run(int epochs, bool checkpoint) {
    const RunDirectory directory = RunDirectory::create(root_, /*overwrite=*/false);
    RunLog log(directory.paths(), kRunHeader);
    for (int epoch = 0; epoch < epochs; ++epoch) log.add_epoch({{"epoch", epoch}});
    if (checkpoint) {
      write("checkpoints/step-00000003.safetensors", "");
      write("checkpoints/score-00000003.json", "");
      std::filesystem::create_symlink("step-00000003.safetensors",
                                      root_ / "checkpoints/best.safetensors");
    }
  }

  ScratchDirectory scratch_;
  std::filesystem::path root_ = scratch_.path() / "run";
  RunPaths paths_{root_};
};

TEST_F(Directory, WithFilesOfOthersUnderOurNamesIsRefusedAndLeftAlone) {
  for (const char* const name : {"log.txt", "steps.jsonl", "bad_samples.jsonl", "report.html",
                                 "result.json", "weights.safetensors", "config.toml",
                                 "checkpoints/resnet.pth", "panels/mine.png", ".lock"}) {
    std::filesystem::remove_all(root_);
    write(name);
    const auto before = listing();
    for (const bool overwrite : {false, true}) {
      EXPECT_THAT([&] { create(overwrite); }, refuses(name));
    }
    EXPECT_EQ(listing(), before);
  }
}

TEST_F(Directory, WithOtherFilesIsTaken) {
  write("notes.md");
  write("events.out.tfevents.1.host");
  std::filesystem::create_directories(paths_.checkpoints());
  create();
  EXPECT_THAT(listing(), IsSupersetOf({"notes.md", "events.out.tfevents.1.host"}));
}

TEST_F(Directory, OfThePublishedCodeIsNoRun) {
  write("log.txt", R"({"train_lr": 0.1, "train_loss": 1, "epoch": 0, "n_parameters": 7})");
  EXPECT_THAT([&] { create(/*overwrite=*/true); }, refuses("log.txt"));
  EXPECT_THAT([&] { RunDirectory::open(root_); }, refuses("no run"));
}

TEST_F(Directory, WithoutACheckpointCanBeStartedAgain) {
  write_run(/*epochs=*/0, /*checkpoint=*/false);
  EXPECT_THAT([&] { RunDirectory::open(root_); }, refuses("--out " + root_.string()));
  create();
  EXPECT_FALSE(std::filesystem::exists(paths_.log()));
}

TEST_F(Directory, OfAStartThatWasKilledCanBeStartedAgain) {
  create();
  write("config.toml", "# All options of this run; `convmae pretrain`");
  write("steps.jsonl", "");
  EXPECT_THAT([&] { RunDirectory::open(root_); }, refuses("--out " + root_.string()));
  create();
  write("config.toml", "# my own");
  EXPECT_THAT([&] { create(); }, refuses("config.toml"));
}

TEST_F(Directory, OfARunNamesEveryWayOn) {
  write_run(/*epochs=*/1, /*checkpoint=*/true);
  EXPECT_THAT([&] { create(); }, AllOf(refuses("--resume"), refuses("--overwrite")));
  RunDirectory::open(root_);
}

TEST_F(Directory, OfARunIsNamedByItsCheckpointsToo) {
  write_run(/*epochs=*/1, /*checkpoint=*/true);
  EXPECT_TRUE(place_to_resume(root_).checkpoint.empty());
  const std::filesystem::path checkpoint = paths_.checkpoints() / "step-00000003.safetensors";
  for (const char* const name : {"step-00000003.safetensors", "best.safetensors"}) {
    const ResumePlace place = place_to_resume(paths_.checkpoints() / name);
    EXPECT_EQ(place.run, root_);
    EXPECT_EQ(place.checkpoint, checkpoint);
  }
  for (const char* const name : {"log.txt", "checkpoints/score-00000003.json"}) {
    EXPECT_THAT([&] { place_to_resume(root_ / name); }, refuses("--init"));
  }
  std::filesystem::remove(paths_.log());
  EXPECT_THAT([&] { place_to_resume(checkpoint); }, refuses("'checkpoints'"));
}

TEST_F(Directory, OfARunThatLostItsCheckpointsAsksBeforeItsLogIsDeleted) {
  write_run(/*epochs=*/1, /*checkpoint=*/false);
  EXPECT_THAT([&] { create(); }, AllOf(refuses("--overwrite"), Not(refuses("--resume"))));
  EXPECT_THAT([&] { RunDirectory::open(root_); }, refuses("--overwrite"));
}

TEST_F(Directory, IsOverwrittenWithoutFilesOfOthers) {
  write_run(/*epochs=*/1, /*checkpoint=*/true);
  save_weights(paths_.weights(), *tiny_model(0), tiny_info());
  write("panels/epoch-0000.00.png", "");
  const std::set<std::string> others{"notes.md",    "events.out.tfevents.1.host",
                                     "checkpoints", "checkpoints/resnet.pth",
                                     "panels",      "panels/epoch-best.png"};
  for (const char* const name : {"notes.md", "events.out.tfevents.1.host", "checkpoints/resnet.pth",
                                 "panels/epoch-best.png"}) {
    write(name);
  }
  create(/*overwrite=*/true);
  auto left = listing();
  left.erase(".lock");
  EXPECT_EQ(left, others);
}

TEST_F(Directory, OfARunWithForeignWeightsIsNotOverwritten) {
  write_run(/*epochs=*/1, /*checkpoint=*/true);
  write("weights.safetensors");
  EXPECT_THAT([&] { create(/*overwrite=*/true); }, refuses("weights.safetensors"));
}

}  // namespace
}  // namespace convmae
