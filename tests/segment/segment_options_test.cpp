#include "convmae/segment/segment_options.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace convmae {
namespace {

using testing::HasSubstr;

SegmentOptions settled() {
  SegmentOptions options;
  options.data = "pairs";
  options.steps = 160'000;
  options.warmup_steps = 1'500;
  resolve(options);
  return options;
}

TEST(SegmentOptions, ItsScheduleIsThePublishedOne) {
  SegmentOptions options = settled();
  settle_length(options, 1'262);
  const LearningRateSchedule schedule = schedule_of(options, 1'262);
  const auto published = [](double i) {
    const double decayed = 1e-4 * (1 - i / 160'000);
    return i < 1'500 ? decayed * (1 - (1 - i / 1'500) * (1 - 1e-6)) : decayed;
  };
  for (const double step : {0., 1., 700., 1'499., 1'500., 80'000., 159'999.}) {
    EXPECT_NEAR(schedule.at(step), published(step), 1e-12 * published(step) + 1e-19) << step;
  }
  EXPECT_GT(schedule.at(0), 0);
}

TEST(SegmentOptions, AreThePublishedOnesByThemselves) {
  const SegmentOptions options = settled();
  validate(options);
  EXPECT_EQ(options.segmentor.encoder.img_size, (Size{512, 512}));
  EXPECT_EQ(options.stride, (Size{341, 341}));
  EXPECT_EQ(options.batch_size, 16);
  EXPECT_EQ(options.weight_decay, 0.05);
  EXPECT_EQ(options.recipe().bounds.longest, 2048);
  EXPECT_EQ(options.recipe().bounds.shortest, 512);
  EXPECT_EQ(options.recipe().most_of_one_class, 0.75);
}

TEST(SegmentOptions, RefuseWhatMakesNoSense) {
  const auto error_of = [](const std::function<void(SegmentOptions&)>& change) -> std::string {
    SegmentOptions options = settled();
    change(options);
    try {
      resolve(options);
      validate(options);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(error_of([](auto& o) { o.batch_size = 1; }), HasSubstr("two images a batch"));
  EXPECT_THAT(error_of([](auto& o) { o.bounds = {512}; }), HasSubstr("--bounds"));
  EXPECT_THAT(error_of([](auto& o) { o.ratio_range = {1}; }), HasSubstr("--ratio_range"));
  EXPECT_THAT(error_of([](auto& o) { o.loss_average = "some"; }), HasSubstr("--loss_average"));
  EXPECT_THAT(error_of([](auto& o) { o.recompute = {4}; }), HasSubstr("--recompute"));
  EXPECT_THAT(error_of([](auto& o) { o.layer_decay = 0; }), HasSubstr("--layer_decay"));
  EXPECT_THAT(error_of([](auto& o) { o.stride = {600, 1}; }), HasSubstr("stride"));
  EXPECT_THAT(error_of([](auto& o) {
                o.model_config.encoder.in_chans = 4;
                o.mean = o.std = {0.5, 0.5, 0.5, 0.5};
              }),
              HasSubstr("--no_distort"));
}

}  // namespace
}  // namespace convmae
