#include "convmae/segment/segmentor_config.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_segmentor.h"
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(SegmentorConfig, IsThePublishedOne) {
  const SegmentorConfig config = segmentor_preset("base");
  EXPECT_EQ(config, SegmentorConfig());
  EXPECT_NO_THROW(validate(config));
  EXPECT_EQ(map_size(config, 0), (Size{128, 128}));
  EXPECT_EQ(map_size(config, 2), (Size{32, 32}));
  EXPECT_EQ(map_size(config, 3), (Size{15, 15}));
  EXPECT_EQ(map_channels(config, 1), 384);
  EXPECT_EQ(map_channels(config, 3), 768);
  EXPECT_EQ(segmentor_preset("nano").channels, segmentor_preset("nano").encoder.embed_dim.back());
  EXPECT_THROW(segmentor_preset("vast"), UserError);
}

TEST(SegmentorConfig, GoesThroughJson) {
  SegmentorConfig config = small_segmentor_config();
  EXPECT_EQ(segmentor_config_from_json(to_json(config)), config);
  config.relative_position = RelativePosition::shared;
  config.layer_scale = 0;
  config.drop_path = 0.125;
  config.maps = {0, 1, 2};
  config.pool_scales = {};
  config.aux_channels = 0;
  config.aux_map = 1;
  config.aux_weight = 0.5;
  config.dropout = 0;
  EXPECT_EQ(segmentor_config_from_json(to_json(config)), config);
}

TEST(SegmentorConfig, RefusesJsonThatIsNone) {
  const std::string text = to_json(small_segmentor_config());
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    const std::size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return changed.replace(at, from.size(), to);
  };
  const auto refused = [](const std::string& changed, const char* message) {
    EXPECT_THAT([&] { segmentor_config_from_json(changed); },
                ThrowsMessage<UserError>(HasSubstr(message)))
        << changed;
  };
  refused("[]", "is not a JSON object");
  refused(replaced("\"maps\"", "\"charts\""), "has no maps");
  refused(replaced("\"channels\":5", "\"channels\":5.5"), "no usable channels");
  refused(replaced("per_block", "everywhere"),
          "relative positions must be none, per_block or shared, found 'everywhere'");
  refused(replaced("[48,64]", "[48]"), "img_size that is not two numbers");
  refused(replaced("{", "{\"colour\":1,"), "an unknown key 'colour'");
}

TEST(SegmentorConfig, RefusesWhatIsNoSegmentor) {
  const std::vector<std::pair<std::function<void(SegmentorConfig&)>, const char*>> faults{
      {[](auto& c) { c.encoder.kind = EncoderKind::vit; }, "the encoder of ConvMAE"},
      {[](auto& c) {
         c.encoder.img_size = {40, 64};
       },
       "16"},
      {[](auto& c) { c.relative_position = RelativePosition::decomposed; }, "per_block or shared"},
      {[](auto& c) { c.layer_scale = -1; }, "a layer scale of 0 or more"},
      {[](auto& c) { c.drop_path = 1.5; }, "a drop path rate from 0 to 1"},
      {[](auto& c) { c.dropout = 1; }, "a dropout rate from 0 to below 1"},
      {[](auto& c) { c.channels = 0; }, "1 to 1048576 channels in its head, found 0"},
      {[](auto& c) {
         c.pool_scales = {1, 0};
       },
       "pool scales from 1 to 1024, found 1,0"},
      {[](auto& c) { c.aux_weight = -0.4; }, "a weight of 0 or more"},
      {[](auto& c) { c.num_classes = 1; }, "2 to 32767 classes, found 1"},
      {[](auto& c) { c.num_classes = 40000; }, "found 40000"},
      {[](auto& c) { c.channels = std::int64_t{1} << 40; }, "found 1099511627776"},
      {[](auto& c) { c.maps = {}; }, "maps for its head, ascending numbers of 0 to 3, found none"},
      {[](auto& c) {
         c.maps = {0, 2, 1};
       },
       "found 0,2,1"},
      {[](auto& c) {
         c.maps = {0, 4};
       },
       "found 0,4"},
      {[](auto& c) { c.aux_map = 4; }, "for its auxiliary head, found 4"},
      {[](auto& c) { c.aux_channels = -1; }, "found -1"},
      {[](auto& c) {
         c.encoder.img_size = {32, 64};
       },
       "images of 3 blocks a side"}};
  EXPECT_NO_THROW(validate(small_segmentor_config()));
  for (const auto& [fault, message] : faults) {
    SegmentorConfig config = small_segmentor_config();
    fault(config);
    EXPECT_THAT([&] { validate(config); }, ThrowsMessage<UserError>(HasSubstr(message)));
  }
  // Without the fourth map two blocks are enough, and a head that is not there reads nothing.
  SegmentorConfig config = small_segmentor_config();
  config.encoder.img_size = {32, 64};
  config.maps = {0, 1, 2};
  EXPECT_NO_THROW(validate(config));
  config.aux_channels = 0;
  config.aux_map = 9;
  EXPECT_NO_THROW(validate(config));
}

TEST(SegmentorConfig, OneImageIsTooFewForBatchNormOfOneBin) {
  SegmentorConfig config = small_segmentor_config();
  EXPECT_NO_THROW(require_batch(config, 2));
  EXPECT_THAT([&] { require_batch(config, 1); },
              ThrowsMessage<UserError>(HasSubstr("found 1: raise --batch_size")));
  // The fourth map of 3x4 blocks has one place.
  config.pool_scales = {2, 3};
  EXPECT_THROW(require_batch(config, 1), UserError);
  config.maps = {0, 1, 2};
  EXPECT_NO_THROW(require_batch(config, 1));
}

}  // namespace
}  // namespace convmae
