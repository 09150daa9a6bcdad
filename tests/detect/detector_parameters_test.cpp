#include "convmae/detect/detector_parameters.h"

#include "convmae/base/error.h"
#include "convmae/detect/detector.h"
#include "convmae/detect/detector_cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_detectors.h"
#include <map>

namespace convmae {
namespace {

struct Entry {
  std::vector<std::int64_t> shape;
  bool fixed = false;
  bool operator==(const Entry&) const = default;
};

std::map<std::string, Entry> listed(const DetectorConfig& config) {
  std::map<std::string, Entry> entries;
  for_each_parameter(config, [&](const ParameterShape& p) {
    EXPECT_TRUE(entries.emplace(p.name, Entry{p.shape, p.fixed}).second) << p.name;
  });
  return entries;
}

std::map<std::string, Entry> made(const DetectorConfig& config) {
  std::map<std::string, Entry> entries;
  const Detector detector(config);
  for (const auto& p : detector.named_parameters()) {
    entries[p.key()] = {p.value().sizes().vec(), !p.value().requires_grad()};
  }
  for (const auto& b : detector.named_buffers()) entries[b.key()] = {b.value().sizes().vec()};
  return entries;
}

std::vector<DetectorConfig> detectors() {
  std::vector<DetectorConfig> configs;
  for (const std::string& name : detector_names()) {
    configs.push_back(small_detector(name));
    DetectorConfig small = small_detector(name);
    small.proposals.conv_dims = {5};
    small.roi.box_conv_dims.clear();
    small.roi.masks = false;
    small.relative_position =
        name == "alpha" ? RelativePosition::shared : RelativePosition::per_block;
    configs.push_back(small);
  }
  return configs;
}

TEST(DetectorParameters, AreThoseOfTheDetector) {
  for (const DetectorConfig& config : detectors()) EXPECT_EQ(listed(config), made(config));
}

TEST(DetectorParameters, OfWhatCannotBeCountedAreRefused) {
  DetectorConfig config = small_detector("alpha");
  config.roi.box_pool = std::int64_t{1} << 20;
  config.roi.box_fc_dims = {std::int64_t{1} << 20};
  config.roi.box_conv_dims = {std::int64_t{1} << 20};
  config.out_channels = std::int64_t{1} << 20;
  EXPECT_THROW(listed(config), UserError);
}

TEST(DetectorCost, PartsHaveThePublishedSizes) {
  const auto expect = [](const char* name, std::int64_t parameters, std::int64_t encoder) {
    const auto parts = detector_costs(detector_preset(name));
    EXPECT_EQ(total_cost(parts).parameters, parameters);
    EXPECT_EQ(parts.front().parameters, encoder);
  };
  expect("alpha", 110171784, 87804568);
  expect("official", 109700272, 84693504);
}

TEST(DetectorCost, ByHand) {
  DetectorConfig config = small_detector("alpha");
  const auto macs = [](const DetectorConfig& of, const char* name) {
    for (const DetectorCost& part : detector_costs(of)) {
      if (part.name == name) return part.macs;
    }
    return std::int64_t{-1};
  };
  constexpr std::int64_t kBoxes = 50;
  constexpr std::int64_t kMasks = 20;
  // 16x24, 8x12, 4x6, 2x3 and 1x2 places.
  const std::int64_t places = 384 + 96 + 24 + 6 + 2;
  EXPECT_EQ(macs(config, "proposals"), places * (9 * 8 * 8 + 9 * 8 * 6 + 6 * 15));
  EXPECT_EQ(macs(config, "pyramid"),
            384 * 6 * 8 + 96 * 10 * 8 + (24 + 6) * 16 * 8 + (places - 2) * 9 * 8 * 8);
  EXPECT_EQ(macs(config, "boxes"),
            kBoxes * (49 * (9 * 8 * 8 + 9 * 8 * 6) + 49 * 6 * 12 + 12 * (5 + 16)));
  EXPECT_EQ(macs(config, "masks"),
            kMasks * (36 * (9 * 8 * 8 + 9 * 8 * 6 + 4 * 6 * 4) + 144 * 4 * 4));
  // A block in windows of 2x2 instead of 4x6 tokens.
  DetectorConfig global = config;
  global.windowed_blocks = {0};
  EXPECT_EQ(macs(global, "encoder") - macs(config, "encoder"), 2 * 16 * (24 * 24 - 6 * 4 * 4));
  config.roi.masks = false;
  EXPECT_EQ(macs(config, "masks"), -1);
}

TEST(DetectorCost, OfTheSimplePyramidByHand) {
  const auto parts = detector_costs(small_detector("official"));
  constexpr std::int64_t kStage3 = 24;
  constexpr std::int64_t kLevel2 = 16 * 8 * 4 + 4 * 8 * 4 * 4 + 16 * 4 * 8;  // parts 0, 3, 4
  constexpr std::int64_t kLevel3 = 16 * 8 * 4 + 4 * 8 * 8;                   // 0, 1
  constexpr std::int64_t kSmoothing = std::int64_t{384 + 96 + 24 + 6} * 9 * 8 * 8;
  EXPECT_EQ(parts[1].macs, kStage3 * (kLevel2 + kLevel3) + kStage3 * 16 * 8 +
                               std::int64_t{6} * 16 * 8 +  // 4, 5
                               kSmoothing);
}

}  // namespace
}  // namespace convmae
