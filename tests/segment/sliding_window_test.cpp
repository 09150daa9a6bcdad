#include "convmae/segment/sliding_window.h"

#include "convmae/base/error.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "support/small_segmentor.h"
#include <algorithm>
#include <vector>

namespace convmae {
namespace {

using testing::ElementsAre;

class SlidingWindow : public testing::Test {
 protected:
  /// Its classes are about equally likely, so that label maps have several.
  SlidingWindow() : segmentor_(random_segmentor(small_segmentor_config())) {
    segmentor_->eval();
    const at::Tensor mean = segmentor_->logits(image_of(48, 64).unsqueeze(0)).mean({0, 2, 3});
    segmentor_->named_parameters()["decode_head.conv_seg.bias"].sub_(mean);
  }

  static at::Tensor image_of(std::int64_t height, std::int64_t width) {
    torch::manual_seed(10);
    return at::randn({3, height, width});
  }

  at::Tensor grown_logits(const at::Tensor& image) {
    return at::upsample_bilinear2d(segmentor_->logits(image.unsqueeze(0)),
                                   {image.size(1), image.size(2)}, false)[0];
  }

  /// The mean of all windows as the published code has it: whole maps, summed and counted.
  at::Tensor plain_logits(const at::Tensor& image, const Viewing& viewing) {
    const auto [height, width] = viewing.crop;
    at::Tensor sum = at::zeros({7, image.size(1), image.size(2)});
    at::Tensor count = at::zeros({image.size(1), image.size(2)});
    const auto steps = [](std::int64_t size, std::int64_t crop, std::int64_t stride) {
      return std::max<std::int64_t>(size - crop + stride - 1, 0) / stride + 1;
    };
    for (std::int64_t i = 0; i < steps(image.size(1), height, viewing.stride.height); ++i) {
      for (std::int64_t j = 0; j < steps(image.size(2), width, viewing.stride.width); ++j) {
        const std::int64_t top = std::min(i * viewing.stride.height, image.size(1) - height);
        const std::int64_t left = std::min(j * viewing.stride.width, image.size(2) - width);
        sum.narrow(1, top, height)
            .narrow(2, left, width)
            .add_(grown_logits(image.narrow(1, top, height).narrow(2, left, width).contiguous()));
        count.narrow(0, top, height).narrow(1, left, width).add_(1);
      }
    }
    return sum / count;
  }

  static at::Tensor resized(const at::Tensor& logits, Size size) {
    return at::upsample_bilinear2d(logits.unsqueeze(0), {size.height, size.width}, false)[0];
  }

  static void expect_close(const at::Tensor& found, const at::Tensor& expected) {
    ASSERT_EQ(found.sizes(), expected.sizes());
    EXPECT_LT((found - expected).abs().max().item<double>(),
              1e-5 * expected.abs().max().item<double>());
  }

  /// Where two classes are equally likely but for rounding, either may be found.
  static void expect_labels(const at::Tensor& labels, const at::Tensor& scores) {
    EXPECT_EQ(labels.scalar_type(), at::kByte);
    ASSERT_EQ(labels.sizes(), scores.sizes().slice(1));
    const at::Tensor found = scores.gather(0, labels.to(at::kLong).unsqueeze(0))[0];
    EXPECT_TRUE(at::allclose(found, scores.amax(0), 1e-5, 1e-5));
    EXPECT_GT(std::get<0>(at::_unique(labels)).numel(), 1);
  }

  const at::NoGradGuard no_grad_;
  std::shared_ptr<Segmentor> segmentor_;
};

TEST(WindowStarts, AreMultiplesOfTheStrideAndTheEnd) {
  EXPECT_THAT(window_starts(512, 512, 341), ElementsAre(0));
  EXPECT_THAT(window_starts(853, 512, 341), ElementsAre(0, 341));
  EXPECT_THAT(window_starts(854, 512, 341), ElementsAre(0, 341, 342));
  EXPECT_THAT(window_starts(2048, 512, 341), ElementsAre(0, 341, 682, 1023, 1364, 1536));
  EXPECT_THROW(window_starts(511, 512, 341), c10::Error);
}

TEST_F(SlidingWindow, IsTheMeanOfItsWindows) {
  const at::Tensor image = image_of(101, 150);
  for (const Size stride : {Size{30, 41}, Size{48, 64}, Size{13, 64}}) {
    const Viewing viewing{{48, 64}, stride};
    const at::Tensor expected = plain_logits(image, viewing);
    WindowedLogits whole(*segmentor_, image, viewing);
    expect_close(whole.rows(0, 101), expected);
    // Strips, some of which overlap, as resizing asks for them.
    WindowedLogits strips(*segmentor_, image, viewing);
    for (std::int64_t first = 0; first < 101; first += 9) {
      const std::int64_t rows = std::min<std::int64_t>(11, 101 - first);
      expect_close(strips.rows(first, rows), expected.narrow(1, first, rows));
    }
  }
}

TEST_F(SlidingWindow, KeepsToTheOrderOfRows) {
  WindowedLogits logits(*segmentor_, image_of(101, 64), {{48, 64}, {30, 41}});
  EXPECT_EQ(logits.num_windows(), 3);
  logits.rows(60, 5);
  EXPECT_THROW(logits.rows(59, 5), c10::Error);
  EXPECT_THROW(logits.rows(99, 3), c10::Error);
  // What nobody asked for was not computed, and what follows is.
  WindowedLogits whole(*segmentor_, image_of(101, 64), {{48, 64}, {30, 41}});
  expect_close(logits.rows(70, 31), whole.rows(0, 101).narrow(1, 70, 31));
}

TEST_F(SlidingWindow, LabelsHaveTheOriginalSize) {
  const at::Tensor image = image_of(101, 150);
  const Viewing viewing{{48, 64}, {30, 41}};
  const at::Tensor logits = plain_logits(image, viewing);
  for (const Size original : {Size{101, 150}, Size{77, 190}, Size{230, 60}}) {
    expect_labels(slide(*segmentor_, image, original, viewing), resized(logits, original));
  }
}

TEST_F(SlidingWindow, AMirroredImageSharesTheVote) {
  const at::Tensor image = image_of(101, 150);
  const Viewing viewing{{48, 64}, {30, 41}, /*mirror=*/true};
  const Size original{77, 190};
  const auto shares = [&](const at::Tensor& seen) {
    return at::softmax(resized(plain_logits(seen, viewing), original), 0);
  };
  const at::Tensor both = shares(image) + shares(image.flip({2})).flip({2});
  const at::Tensor labels = slide(*segmentor_, image, original, viewing);
  expect_labels(labels, both);
  EXPECT_FALSE(at::equal(labels, slide(*segmentor_, image, original, {{48, 64}, {30, 41}})));
}

TEST_F(SlidingWindow, SmallImagesStandInAnEmptyWindow) {
  const at::Tensor image = image_of(30, 41);
  const at::Tensor padded = at::constant_pad_nd(image, {0, 64 - 41, 0, 48 - 30}, 0);
  const at::Tensor expected = grown_logits(padded).narrow(1, 0, 30).narrow(2, 0, 41);
  const Viewing viewing{{48, 64}, {30, 41}};
  WindowedLogits logits(*segmentor_, image, viewing);
  EXPECT_EQ(logits.size(), (Size{30, 41}));
  expect_close(logits.rows(0, 30), expected);
  expect_labels(slide(*segmentor_, image, {61, 80}, viewing), resized(expected, {61, 80}));
  // Too small along one side alone.
  const at::Tensor wide = image_of(30, 150);
  WindowedLogits of_wide(*segmentor_, wide, viewing);
  expect_close(of_wide.rows(0, 30),
               plain_logits(at::constant_pad_nd(wide, {0, 0, 0, 18}, 0), viewing).narrow(1, 0, 30));
}

TEST_F(SlidingWindow, AWholeImageIsOneWindow) {
  const Viewing whole{.crop = {}};
  for (const Size size : {Size{48, 64}, Size{70, 100}}) {
    const at::Tensor image = image_of(size.height, size.width);
    WindowedLogits logits(*segmentor_, image, whole);
    EXPECT_EQ(logits.num_windows(), 1);
    const std::int64_t below = (size.height + 15) / 16 * 16 - size.height;
    const std::int64_t right = (size.width + 15) / 16 * 16 - size.width;
    const at::Tensor expected = grown_logits(at::constant_pad_nd(image, {0, right, 0, below}, 0))
                                    .narrow(1, 0, size.height)
                                    .narrow(2, 0, size.width);
    expect_close(logits.rows(0, size.height), expected);
  }
}

TEST_F(SlidingWindow, RefusesWindowsThatItCannotLookThrough) {
  const SegmentorConfig config = small_segmentor_config();
  EXPECT_NO_THROW(validate(Viewing(), config));
  EXPECT_NO_THROW(validate(Viewing{.crop = {}}, config));
  EXPECT_THROW(validate(Viewing{{40, 64}, {30, 30}}, config), UserError);
  EXPECT_THROW(validate(Viewing{{48, 64}, {49, 30}}, config), UserError);
  EXPECT_THROW(validate(Viewing{{48, 64}, {30, 0}}, config), UserError);
  segmentor_->train();
  EXPECT_THROW(slide(*segmentor_, image_of(48, 64), {48, 64}, {{48, 64}, {30, 30}}), c10::Error);
}

}  // namespace
}  // namespace convmae
