#include "convmae/data/sample_loader.h"

#include "convmae/base/error.h"
#include "convmae/base/random.h"
#include "convmae/data/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Numbers alone: nothing is read.
class Numbers : public ImageSource {
 public:
  explicit Numbers(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  std::string name(std::int64_t index) const override { return "number " + std::to_string(index); }
  std::int64_t label(std::int64_t /*index*/) const override { return kNoLabel; }
  const std::vector<std::string>& classes() const override { return classes_; }
  void read(std::int64_t /*index*/, std::vector<std::uint8_t>& /*bytes*/) const override {
    FAIL() << "a sample is what `make` makes of its number";
  }
  SourceAccount account() const override { return {.images = size_}; }

 private:
  std::int64_t size_;
  std::vector<std::string> classes_;
};

/// Cannot be copied, and not be made without a value.
struct Made {
  explicit Made(std::string value) : text(std::make_unique<std::string>(std::move(value))) {}
  std::unique_ptr<std::string> text;
};

using Texts = SampleLoader<Made>;

std::function<Texts::Make()> texts(const std::set<std::int64_t>& bad = {}) {
  return [bad] {
    return [bad](const ImageSource& /*source*/, std::int64_t sample, const DrawKey& key) {
      if (sample % 5 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
      if (bad.contains(sample)) throw UserError("it is bad");
      return Made(std::to_string(sample) + "/" + std::to_string(key.epoch) + "/" +
                  std::to_string(key.index));
    };
  };
}

std::vector<std::string> all_of(const LoaderConfig& config, std::int64_t size,
                                const std::set<std::int64_t>& bad = {}) {
  Texts loader(std::make_shared<Numbers>(size), texts(bad), config);
  std::vector<std::string> all;
  while (const std::optional<Texts::Batch> batch = loader.next()) {
    EXPECT_EQ(batch->made.size(), batch->samples.size());
    for (std::size_t i = 0; i < batch->made.size(); ++i) {
      EXPECT_EQ(*batch->made[i].text, std::to_string(batch->samples[i]) + "/" +
                                          std::to_string(batch->epoch) + "/" +
                                          std::to_string(batch->global_indices[i]));
      all.push_back(std::to_string(batch->step) + ": " + *batch->made[i].text);
    }
  }
  return all;
}

LoaderConfig two_epochs(std::int64_t workers) {
  LoaderConfig config;
  config.batch_size = 4;
  config.seed = 3;
  config.end_epoch = 2;
  config.drop_last = false;
  config.num_workers = workers;
  return config;
}

TEST(SampleLoader, DeliversInTheSameOrderWithAnyNumberOfThreads) {
  const std::set<std::int64_t> bad{6};
  const std::vector<std::string> expected = all_of(two_epochs(0), 30, bad);
  EXPECT_EQ(expected.size(), 60);
  EXPECT_EQ(std::set<std::string>(expected.begin(), expected.end()).size(), 60);
  for (const int workers : {1, 2, 5}) {
    EXPECT_EQ(all_of(two_epochs(workers), 30, bad), expected) << workers;
  }
}

TEST(SampleLoader, TreatsBadSamplesAsItIsTold) {
  for (const int workers : {0, 3}) {
    LoaderConfig config = two_epochs(workers);
    config.end_epoch = 1;
    config.shuffle = false;
    config.max_bad_share = 1;
    std::vector<std::string> reports;
    config.report_bad = [&reports](const BadSample& sample) {
      reports.push_back(sample.name + ": " + sample.error);
    };
    EXPECT_EQ(all_of(config, 8, {1, 2}).size(), 8);
    EXPECT_THAT(reports, ElementsAre("number 1: it is bad", "number 2: it is bad"));
    config.on_bad_sample = OnBadSample::leave_out;
    EXPECT_THAT(all_of(config, 8, {0, 1, 2, 3, 6}),
                ElementsAre("1: 4/0/4", "1: 5/0/5", "1: 7/0/7"));
    config.on_bad_sample = OnBadSample::error;
    EXPECT_THAT([&] { all_of(config, 8, {5}); },
                testing::ThrowsMessage<UserError>(HasSubstr("cannot use 'number 5': it is bad")));
  }
}

TEST(SampleLoader, CallsTheMakerOnceInEachThread) {
  std::atomic<int> made = 0;
  {
    Texts loader(
        std::make_shared<Numbers>(40),
        [&made, maker = texts()] {
          ++made;
          return maker();
        },
        two_epochs(3));
    while (loader.next()) continue;
  }
  EXPECT_LE(made, 3);
  EXPECT_GE(made, 1);
}

/// Images of a size of their own, in batches that are as large as the largest of each.
TEST(SampleLoader, ABatchMayHoldImagesOfDifferentSizes) {
  const auto make = [](const ImageSource& /*source*/, std::int64_t sample, const DrawKey& /*key*/) {
    Sample made;
    made.size = made.content = {1 + sample, 9 - sample};
    made.pixels.assign(static_cast<std::size_t>(made.size.height * made.size.width),
                       1 + static_cast<float>(sample));
    made.label = sample;
    return made;
  };
  LoaderConfig config = two_epochs(2);
  config.end_epoch = 1;
  config.shuffle = false;
  SampleLoader<Sample> loader(
      std::make_shared<Numbers>(8), [&make] { return make; }, config);
  std::vector<std::int64_t> labels;
  while (const auto loaded = loader.next()) {
    const PaddedBatch batch = pad_together(loaded->made, 1);
    EXPECT_EQ(batch.size, loaded->step == 0 ? (Size{4, 9}) : (Size{8, 5}));
    double sum = 0;
    for (const float value : batch.pixels) sum += value;
    double expected = 0;
    for (std::size_t i = 0; i < batch.contents.size(); ++i) {
      const Size content = batch.contents[i];
      EXPECT_EQ(content, loaded->made[i].size);
      expected += static_cast<double>((batch.labels[i] + 1) * content.height * content.width);
    }
    EXPECT_EQ(sum, expected);
    labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
  }
  EXPECT_THAT(labels, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

}  // namespace
}  // namespace convmae
