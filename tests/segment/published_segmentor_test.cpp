#include "convmae/segment/published_segmentor.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/segment/segmentor_shapes.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_segmentor.h"
#include "support/tiny_model.h"
#include <map>
#include <string>

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class PublishedSegmentor : public testing::Test {
 protected:
  /// The tensors that a published file has, those among them too that this program has none of.
  static std::map<std::string, at::Tensor> published(const SegmentorConfig& config) {
    const auto segmentor = random_segmentor(config);
    std::map<std::string, at::Tensor> tensors;
    for (const auto& [name, tensor] : named_tensors(*segmentor)) tensors[name] = tensor.detach();
    for_each_tensor(config, [&](const SegmentorTensor& tensor) {
      tensors.try_emplace(tensor.name, at::zeros(tensor.shape, at::kLong));
    });
    return tensors;
  }

  void write(const std::map<std::string, at::Tensor>& tensors) const {
    std::vector<TensorView> views;
    for (const auto& [name, tensor] : tensors) {
      const auto bytes = static_cast<std::size_t>(tensor.nbytes());
      views.push_back({name,
                       tensor.scalar_type() == at::kLong ? DType::i64 : DType::f32,
                       tensor.sizes().vec(),
                       {static_cast<const std::byte*>(tensor.const_data_ptr()), bytes}});
    }
    write_safetensors(file_, views, {});
  }

  /// Square images, which shapes tell; the rates of what is left out they do not.
  static SegmentorConfig square_config() {
    SegmentorConfig config = small_segmentor_config();
    config.encoder.img_size = {64, 64};
    return config;
  }

  ScratchDirectory scratch_;
  std::filesystem::path file_ = scratch_.path() / "published.safetensors";
};

TEST_F(PublishedSegmentor, IsToldByItsShapes) {
  SegmentorConfig shared = square_config();
  shared.relative_position = RelativePosition::shared;
  shared.layer_scale = 0;
  SegmentorConfig three = square_config();
  three.maps = {0, 1, 2};
  three.aux_map = 1;
  three.pool_scales = {};
  SegmentorConfig two = square_config();
  two.maps = {1, 3};
  two.aux_channels = 0;
  for (const SegmentorConfig& config : {square_config(), shared, three, two}) {
    write(published(config));
    SegmentorConfig told = segmentor_shapes_of(WeightFile(file_));
    if (config.aux_channels == 0) told.aux_map = config.aux_map;
    EXPECT_EQ(to_json(told), to_json(config));
  }
}

TEST_F(PublishedSegmentor, IsTheOneThatWasWritten) {
  write(published(square_config()));
  const auto segmentor = load_published_segmentor(file_);
  EXPECT_FALSE(segmentor->is_training());
  const auto expected = random_segmentor(square_config());
  expected->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor images = at::randn({1, 3, 64, 64});
  EXPECT_TRUE(at::equal(segmentor->logits(images), expected->logits(images)));
}

TEST_F(PublishedSegmentor, OthersAreRefused) {
  const auto refused = [&](const std::map<std::string, at::Tensor>& tensors, const char* message) {
    write(tensors);
    EXPECT_THAT([&] { load_published_segmentor(file_); },
                ThrowsMessage<UserError>(HasSubstr(message)));
  };
  const std::map<std::string, at::Tensor> whole = published(square_config());
  auto changed = whole;
  changed.erase("decode_head.conv_seg.weight");
  refused(changed, "holds no segmentor with UperNet (it has no decode_head.conv_seg.weight)");
  changed = whole;
  changed.erase("decode_head.fpn_convs.1.bn.running_var");
  refused(changed, "lacks the tensor 'decode_head.fpn_convs.1.bn.running_var'");
  changed = whole;
  changed["decode_head.lateral_convs.1.conv.weight"] = at::zeros({5, 11, 1, 1});
  refused(changed, "reads maps that its encoder does not give");
  changed = whole;
  changed.erase("decode_head.psp_modules.3.1.conv.weight");
  refused(changed, "pools to 3 sizes");
  refused({{"some.weight", at::zeros({3, 3})}}, "holds no segmentor of a known kind");
  save_weights(file_, *tiny_model(1), tiny_info());
  EXPECT_THAT([&] { load_published_segmentor(file_); },
              ThrowsMessage<UserError>(HasSubstr("holds no segmentor of a known kind")));
}

}  // namespace
}  // namespace convmae
