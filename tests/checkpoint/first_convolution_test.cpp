#include "convmae/checkpoint/first_convolution.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/weights.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_model.h"

namespace convmae {
namespace {

using testing::HasSubstr;

TEST(FirstConvolution, ChannelsAreMeansOrTaken) {
  const at::Tensor weight = at::arange(3).to(at::kFloat).view({1, 3, 1, 1});
  EXPECT_TRUE(at::equal(adapt_in_chans(weight, 1, InChansInit::mean).flatten(), at::tensor({3.F})));
  EXPECT_TRUE(at::allclose(adapt_in_chans(weight, 6, InChansInit::repeat).flatten(),
                           at::tensor({0.F, .5F, 1.F, 0.F, .5F, 1.F})));
}

TEST(FirstConvolution, IsTakenAsItIsToldTo) {
  const ScratchDirectory scratch;
  const std::filesystem::path path = scratch.path() / "w.safetensors";
  save_weights(path, *tiny_model(1), tiny_info());
  const WeightFile file(path);
  const Weight& weight = *file.find("patch_embed1.proj.weight");
  std::vector<std::int64_t> shape = weight.tensor.shape;
  shape[1] = 5;
  const at::Tensor target = at::full(shape, 7.F);
  std::string notes;
  EXPECT_FALSE(take_first_convolution(file, weight, target, InChansInit::random, notes));
  EXPECT_TRUE(at::equal(target, at::full(shape, 7.F)));
  EXPECT_THAT(notes, HasSubstr("has 3 channels in the file, here 5: it stays new"));
  EXPECT_TRUE(take_first_convolution(file, weight, target, InChansInit::repeat, notes));
  EXPECT_TRUE(at::equal(target.select(1, 0), target.select(1, 3)));
}

TEST(FirstConvolution, OtherWaysAreRefused) {
  EXPECT_EQ(parse_in_chans_init("repeat"), InChansInit::repeat);
  EXPECT_THROW(parse_in_chans_init("median"), UserError);
}

}  // namespace
}  // namespace convmae
