#include "convmae/train/device_memory.h"

#include "convmae/base/error.h"

#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "train/toy_task.h"
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace convmae {
namespace {

using testing::HasSubstr;

/// 100 GB, of which a model takes 20 and an image 1.5.
class ImaginaryMemory : public DeviceMemory {
 public:
  std::int64_t capacity() const override { return 100 * kGiga; }
  std::int64_t in_use() const override { return 20 * kGiga; }
  std::int64_t most_in_use() const override { return most_; }
  void forget_most() override { most_ = in_use(); }

  void hold(std::int64_t images) {
    const std::int64_t needed = in_use() + images * an_image;
    TORCH_CHECK_WITH(OutOfMemoryError, needed <= capacity(), "out of memory");
    most_ = std::max(most_, needed);
  }

  static constexpr std::int64_t kGiga = 1'000'000'000;
  std::int64_t an_image = kGiga * 3 / 2;

 private:
  std::int64_t most_ = 0;
};

Batch images(std::int64_t count) {
  Batch batch;
  batch.count = count;
  const auto all = static_cast<std::size_t>(count);
  batch.global_indices.resize(all);
  batch.samples.resize(all);
  batch.labels.resize(all);
  return batch;
}

TEST(MemoryNeeded, SaysHowMuchAndWhatFits) {
  ImaginaryMemory memory;
  const std::string text =
      memory_needed(memory, images(96), [&](const Batch& part) { memory.hold(part.count); });
  EXPECT_THAT(text, HasSubstr("micro-batch of 96 images"));
  EXPECT_THAT(text, HasSubstr("100.0 GB"));
  EXPECT_THAT(text, HasSubstr("about 164.0 GB"));
  // 53 would, 48 is a part of the batch.
  EXPECT_THAT(text, HasSubstr("--batch_size 48 "));
}

TEST(MemoryNeeded, TriesSmallerPartsUntilOneFits) {
  ImaginaryMemory memory;
  memory.an_image = 30 * ImaginaryMemory::kGiga;
  std::vector<std::int64_t> tried;
  const std::string text = memory_needed(memory, images(16), [&](const Batch& part) {
    tried.push_back(part.count);
    memory.hold(part.count);
  });
  EXPECT_EQ(tried, (std::vector<std::int64_t>{8, 4, 2}));
  EXPECT_THAT(text, HasSubstr("--batch_size 2 "));
  memory.an_image = 90 * ImaginaryMemory::kGiga;
  EXPECT_THAT(memory_needed(memory, images(4), [&](const Batch& part) { memory.hold(part.count); }),
              HasSubstr("not one image fits"));
}

/// A task whose images need that memory.
class LargeTask : public ToyTask {
 public:
  explicit LargeTask(ImaginaryMemory& memory) : memory_(memory) {}
  Loss loss(const Batch& batch) override {
    memory_.hold(batch.count);
    return ToyTask::loss(batch);
  }

 private:
  ImaginaryMemory& memory_;
};

TEST(MemoryNeeded, EndsTrainingWithWhatTheUserIsToDo) {
  ImaginaryMemory memory;
  memory.an_image = 25 * ImaginaryMemory::kGiga;
  LargeTask task(memory);
  Trainer trainer({.steps = {kBatches, 1}, .epochs = 1, .schedule = {}, .memory = &memory},
                  {.signalled = [] { return false; }, .seconds = [] { return 0.0; }});
  try {
    trainer.run(task,
                [](std::int64_t epoch, std::int64_t batch) {
                  return std::make_unique<Numbers>(epoch, batch);
                },
                {}, {});
    FAIL() << "it fits";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("--batch_size 2 fits"));
  }
  EXPECT_EQ(task.discarded, 1);
  EXPECT_EQ(task.committed, 0);
}

}  // namespace
}  // namespace convmae
