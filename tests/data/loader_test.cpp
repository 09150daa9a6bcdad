#include "convmae/data/loader.h"

#include "convmae/base/error.h"
#include "convmae/data/decode/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Grey images of 12x10 whose pixels tell their number; some of them cannot be decoded.
class NumberedImages : public ImageSource {
 public:
  explicit NumberedImages(std::int64_t size, std::set<std::int64_t> bad = {})
      : size_(size), bad_(std::move(bad)) {}

  std::int64_t size() const override { return size_; }
  std::string name(std::int64_t index) const override { return "number " + std::to_string(index); }
  std::int64_t label(std::int64_t index) const override { return index % 10; }
  const std::vector<std::string>& classes() const override { return classes_; }
  SourceAccount account() const override { return {.images = size()}; }

  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override {
    if (index % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    const std::string header = npy_header(PixelType::uint8, {12, 10});
    bytes.assign(header.begin(), header.end());
    for (std::int64_t i = 0; i < 120; ++i) {
      bytes.push_back(static_cast<std::uint8_t>(index * 31 + i * (index % 5 + 1)));
    }
    if (bad_.contains(index)) bytes.pop_back();
  }

 private:
  std::int64_t size_;
  std::set<std::int64_t> bad_;
  std::vector<std::string> classes_;
};

TransformConfig small_crops() {
  TransformConfig config;
  config.output = {8, 6};
  config.decode.channels = 1;
  config.normalisation = Normalisation::defaults(1);
  return config;
}

struct Seen {
  std::int64_t epoch;
  std::int64_t step;
  std::vector<float> pixels;
  std::vector<std::int64_t> global_indices;
  std::vector<std::int64_t> samples;
  std::vector<std::int64_t> labels;
  bool operator==(const Seen&) const = default;
};

Seen copy_of(const Batch& batch) {
  return {batch.epoch,
          batch.step,
          {batch.pixels.get(), batch.pixels.get() + batch.count * 8 * 6},
          batch.global_indices,
          batch.samples,
          batch.labels};
}

std::vector<Seen> run(const LoaderConfig& config, std::shared_ptr<const ImageSource> source) {
  Loader loader(std::move(source), small_crops(), config);
  std::vector<Seen> seen;
  while (const std::optional<Batch> batch = loader.next()) seen.push_back(copy_of(*batch));
  return seen;
}

LoaderConfig two_epochs() {
  LoaderConfig config;
  config.batch_size = 8;
  config.seed = 5;
  config.end_epoch = 2;
  return config;
}

TEST(Loader, GivesTheSameBitsWithAnyNumberOfThreads) {
  const auto source = std::make_shared<NumberedImages>(90, std::set<std::int64_t>{17});
  LoaderConfig config = two_epochs();
  config.num_workers = 0;
  const std::vector<Seen> inline_result = run(config, source);
  ASSERT_EQ(inline_result.size(), 22);
  for (const int workers : {1, 2, 4}) {
    config.num_workers = workers;
    EXPECT_EQ(run(config, source), inline_result) << workers;
  }
}

TEST(Loader, VisitsEverySampleOnceAnEpochInAnotherOrderEachTime) {
  LoaderConfig config = two_epochs();
  config.drop_last = false;
  const std::vector<Seen> seen = run(config, std::make_shared<NumberedImages>(30));
  ASSERT_EQ(seen.size(), 8);
  EXPECT_EQ(seen[3].samples.size(), 6);
  std::vector<std::int64_t> epochs[2];
  for (const Seen& batch : seen) {
    auto& epoch = epochs[batch.epoch];
    epoch.insert(epoch.end(), batch.samples.begin(), batch.samples.end());
  }
  EXPECT_NE(epochs[0], epochs[1]);
  std::vector<std::int64_t> all(30);
  std::iota(all.begin(), all.end(), 0);
  for (auto& epoch : epochs) {
    EXPECT_NE(epoch, all);
    std::sort(epoch.begin(), epoch.end());
    EXPECT_EQ(epoch, all);
  }
}

TEST(Loader, ResumesAtAnyStepWithTheBitsOfAnUninterruptedRun) {
  const auto source = std::make_shared<NumberedImages>(50, std::set<std::int64_t>{3});
  const std::vector<Seen> whole = run(two_epochs(), source);
  ASSERT_EQ(whole.size(), 12);
  for (const std::int64_t cut : {1, 5, 6, 11}) {
    LoaderConfig config = two_epochs();
    config.start_epoch = cut / 6;
    config.start_step = cut % 6;
    const std::vector<Seen> rest = run(config, source);
    EXPECT_EQ(rest, std::vector<Seen>(whole.begin() + cut, whole.end())) << cut;
  }
}

TEST(Loader, RanksShareTheGlobalBatchesOfASingleProcess) {
  const auto source = std::make_shared<NumberedImages>(50, std::set<std::int64_t>{3});
  const std::vector<Seen> whole = run(two_epochs(), source);
  LoaderConfig config = two_epochs();
  config.batch_size = 4;
  config.world_size = 2;
  const std::vector<Seen> first = run(config, source);
  config.rank = 1;
  const std::vector<Seen> second = run(config, source);
  ASSERT_EQ(first.size(), whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::vector<float> joined = first[i].pixels;
    joined.insert(joined.end(), second[i].pixels.begin(), second[i].pixels.end());
    EXPECT_EQ(joined, whole[i].pixels);
  }
}

TEST(Loader, WithoutDropLastARankMayGetNothingInTheLastStep) {
  LoaderConfig config = two_epochs();
  config.end_epoch = 1;
  config.drop_last = false;
  config.shuffle = false;
  config.batch_size = 4;
  config.world_size = 2;
  config.rank = 1;
  const std::vector<Seen> seen = run(config, std::make_shared<NumberedImages>(11));
  ASSERT_EQ(seen.size(), 1);
  EXPECT_THAT(seen[0].samples, ElementsAre(4, 5, 6, 7));
}

TEST(Loader, ReplacesBadSamplesAndReportsEachOnce) {
  const auto source = std::make_shared<NumberedImages>(40, std::set<std::int64_t>{12});
  std::vector<std::vector<std::string>> reports;
  for (const int workers : {0, 3}) {
    LoaderConfig config = two_epochs();
    config.num_workers = workers;
    reports.emplace_back();
    config.report_bad = [&reports](const BadSample& bad) {
      reports.back().push_back(bad.name + ": " + bad.error);
    };
    Loader loader(source, small_crops(), config);
    while (const std::optional<Batch> batch = loader.next()) {
      EXPECT_THAT(batch->samples, testing::Not(testing::Contains(12)));
      for (std::size_t i = 0; i < batch->samples.size(); ++i) {
        EXPECT_EQ(batch->labels[i], batch->samples[i] % 10);
      }
    }
    EXPECT_EQ(loader.bad_samples(), 1);
  }
  EXPECT_THAT(reports[0], ElementsAre(HasSubstr("number 12: damaged .npy")));
  EXPECT_EQ(reports[0], reports[1]);
}

TEST(Loader, StopsAboveTheShareOfBadSamples) {
  for (const int workers : {0, 2}) {
    LoaderConfig config = two_epochs();
    config.num_workers = workers;
    config.max_bad_share = 0.05;  // of 40 samples: two
    const auto two_bad = std::make_shared<NumberedImages>(40, std::set<std::int64_t>{1, 2});
    EXPECT_EQ(run(config, two_bad).size(), 10);
    const auto three_bad = std::make_shared<NumberedImages>(40, std::set<std::int64_t>{1, 2, 3});
    Loader loader(three_bad, small_crops(), config);
    std::string message;
    try {
      while (loader.next()) {
      }
    } catch (const UserError& error) {
      message = error.what();
    }
    EXPECT_THAT(message, HasSubstr("found 3 unusable images of 40, more than the 2 allowed"));
    EXPECT_FALSE(loader.next().has_value());
  }
}

/// A look at every sample that can be used, once.
LoaderConfig one_look() {
  LoaderConfig config;
  config.batch_size = 4;
  config.shuffle = false;
  config.drop_last = false;
  config.on_bad_sample = OnBadSample::leave_out;
  config.max_bad_share = 1;
  return config;
}

TEST(Loader, LeavesBadSamplesOutAndCountsEveryOtherOneOnce) {
  const std::set<std::int64_t> bad{0, 4, 5, 6, 7, 9, 13};  // one of a batch, all of one, the last
  const auto source = std::make_shared<NumberedImages>(14, bad);
  const std::vector<Seen> sound = [] {
    LoaderConfig config = one_look();
    config.batch_size = 1;
    return run(config, std::make_shared<NumberedImages>(14));
  }();
  for (const int workers : {0, 1, 3}) {
    LoaderConfig config = one_look();
    config.num_workers = workers;
    std::vector<std::int64_t> reported;
    config.report_bad = [&reported](const BadSample& sample) { reported.push_back(sample.sample); };
    const std::vector<Seen> seen = run(config, source);
    ASSERT_EQ(seen.size(), 3) << workers;  // a batch of which nothing is left does not come
    EXPECT_THAT(seen[0].samples, ElementsAre(1, 2, 3));
    EXPECT_THAT(seen[1].samples, ElementsAre(8, 10, 11));
    EXPECT_THAT(seen[2].samples, ElementsAre(12));
    EXPECT_THAT(reported, ElementsAre(0, 4, 5, 6, 7, 9, 13));
    for (const Seen& batch : seen) {
      EXPECT_EQ(batch.global_indices, batch.samples);
      std::vector<float> pixels;
      std::vector<std::int64_t> labels;
      for (const std::int64_t sample : batch.samples) {
        const Seen& alone = sound[static_cast<std::size_t>(sample)];
        pixels.insert(pixels.end(), alone.pixels.begin(), alone.pixels.end());
        labels.push_back(sample % 10);
      }
      EXPECT_EQ(batch.pixels, pixels);
      EXPECT_EQ(batch.labels, labels);
    }
  }
}

TEST(Loader, EndsWhereNothingIsLeft) {
  const auto source = std::make_shared<NumberedImages>(5, std::set<std::int64_t>{0, 1, 2, 3, 4});
  for (const int workers : {0, 2}) {
    LoaderConfig config = one_look();
    config.num_workers = workers;
    EXPECT_THAT([&] { run(config, source); },
                testing::ThrowsMessage<UserError>(HasSubstr("none of the 5 images can be used")));
  }
}

TEST(Loader, LeavesOutNoMoreThanTheShareThatIsAllowed) {
  LoaderConfig config = one_look();
  config.max_bad_share = 0.1;
  EXPECT_EQ(run(config, std::make_shared<NumberedImages>(20, std::set<std::int64_t>{1, 2})).size(),
            5);
  EXPECT_THAT(
      [&] {
        run(config, std::make_shared<NumberedImages>(20, std::set<std::int64_t>{1, 2, 3}));
      },
      testing::ThrowsMessage<UserError>(HasSubstr("more than the 2 allowed")));
}

TEST(Loader, CanRefuseBadSamplesAltogether) {
  const auto source = std::make_shared<NumberedImages>(40, std::set<std::int64_t>{12});
  for (const int workers : {0, 2}) {
    LoaderConfig config = two_epochs();
    config.num_workers = workers;
    config.on_bad_sample = OnBadSample::error;
    EXPECT_THROW(run(config, source), UserError);
  }
}

TEST(Loader, GivesUpWhereNothingCanBeDecoded) {
  std::set<std::int64_t> all;
  for (std::int64_t i = 0; i < 16; ++i) all.insert(i);
  LoaderConfig config = two_epochs();
  config.max_bad_share = 1.0;
  EXPECT_THROW(run(config, std::make_shared<NumberedImages>(16, all)), UserError);
}

TEST(Loader, CanBeDestroyedAtAnyMomentAndBatchesOutliveIt) {
  const auto source = std::make_shared<NumberedImages>(64);
  const std::vector<Seen> whole = run(two_epochs(), source);
  for (std::size_t taken = 0; taken < 6; ++taken) {
    std::vector<Batch> kept;
    {
      Loader loader(source, small_crops(), two_epochs());
      for (std::size_t i = 0; i < taken; ++i) kept.push_back(*loader.next());
    }
    for (std::size_t i = 0; i < taken; ++i) EXPECT_EQ(copy_of(kept[i]), whole[i]);
  }
}

TEST(Loader, ReusesTheMemoryOfBatchesThatWereLetGo) {
  LoaderConfig config = two_epochs();
  config.num_workers = 0;
  Loader loader(std::make_shared<NumberedImages>(64), small_crops(), config);
  std::set<const float*> buffers;
  while (const std::optional<Batch> batch = loader.next()) buffers.insert(batch->pixels.get());
  EXPECT_LE(buffers.size(), 2);
}

/// The same, some of them as floats.
class MixedImages : public NumberedImages {
 public:
  using NumberedImages::NumberedImages;
  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override {
    if (index % 9 != 0) return NumberedImages::read(index, bytes);
    const std::string header = npy_header(PixelType::float32, {12, 10});
    bytes.assign(header.begin(), header.end());
    bytes.resize(header.size() + 120 * sizeof(float), 0);
  }
};

/// Batches that may be bytes, as floats; how many were bytes.
std::pair<std::vector<Seen>, int> run_with_bytes(const LoaderConfig& config,
                                                 std::shared_ptr<const ImageSource> source,
                                                 const TransformConfig& transform) {
  Loader loader(std::move(source), transform, config, {.bytes = true});
  std::pair<std::vector<Seen>, int> result;
  while (std::optional<Batch> batch = loader.next()) {
    EXPECT_NE(batch->pixels == nullptr, batch->bytes == nullptr);
    if (batch->bytes) {
      ++result.second;
      batch->pixels = std::make_shared<float[]>(static_cast<std::size_t>(batch->count * 48));
      for (std::int64_t i = 0; i < batch->count; ++i) {
        normalise(batch->bytes.get() + i * 48, {8, 6}, transform.normalisation, /*flip=*/false,
                  batch->pixels.get() + i * 48);
      }
    }
    result.first.push_back(copy_of(*batch));
  }
  return result;
}

TEST(Loader, BytesAreTheSameNumbersBeforeTheyAreNormalised) {
  const auto source = std::make_shared<NumberedImages>(64);
  const auto [seen, in_bytes] = run_with_bytes(two_epochs(), source, small_crops());
  EXPECT_EQ(in_bytes, 16);
  EXPECT_EQ(seen, run(two_epochs(), source));
}

TEST(Loader, BatchesThatBytesCannotHoldAreFloats) {
  LoaderConfig config = two_epochs();
  config.on_bad_sample = OnBadSample::leave_out;
  config.max_bad_share = 0.1;
  config.shuffle = false;
  const auto mixed = std::make_shared<MixedImages>(64, std::set<std::int64_t>{10, 17});
  const auto [seen, in_bytes] = run_with_bytes(config, mixed, small_crops());
  EXPECT_EQ(in_bytes, 0);  // 0, 9, 18, ... 63: each eight have one
  EXPECT_EQ(seen, run(config, mixed));
  const auto grey = std::make_shared<NumberedImages>(64, std::set<std::int64_t>{10, 17});
  EXPECT_EQ(run_with_bytes(config, grey, small_crops()).first, run(config, grey));
  TransformConfig erasing = small_crops();
  erasing.random_erasing.emplace();
  EXPECT_EQ(run_with_bytes(config, grey, erasing).second, 0);
}

TEST(Loader, RefusesNumbersThatMakeNoSense) {
  const auto source = std::make_shared<NumberedImages>(20);
  const auto refuses = [&source](auto change) {
    LoaderConfig config = two_epochs();
    change(config);
    EXPECT_THROW(Loader(source, small_crops(), config), UserError);
  };
  refuses([](LoaderConfig& config) { config.batch_size = 0; });
  refuses([](LoaderConfig& config) { config.batch_size = 21; });
  refuses([](LoaderConfig& config) { config.rank = 1; });
  refuses([](LoaderConfig& config) { config.start_step = 3; });
  refuses([](LoaderConfig& config) { config.num_workers = -1; });
}

}  // namespace
}  // namespace convmae
