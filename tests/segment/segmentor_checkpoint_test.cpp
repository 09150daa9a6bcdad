#include "convmae/segment/segmentor_checkpoint.h"

#include "convmae/base/error.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/io/safetensors/safetensors.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/small_segmentor.h"
#include "support/tiny_model.h"
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace convmae {
namespace {

using testing::HasSubstr;
using Json = nlohmann::ordered_json;

SegmentorConfig square_segmentor(std::int64_t classes = 4) {
  SegmentorConfig config = small_segmentor_config();
  config.encoder.img_size = {64, 64};
  config.num_classes = classes;
  return config;
}

LabelScheme land_scheme() {
  return {{{"sea", {3}}, {"ice", {1, 7}}, {"sand", {200}}, {"wood", {9}}},
          {0},
          LabelPalette({{{1, 2, 3}, 3}})};
}

class SegmentorCheckpoint : public testing::Test {
 protected:
  void write_own(const std::function<void(CheckpointInfo&)>& change = {}) const {
    const auto segmentor = random_segmentor(square_segmentor());
    CheckpointInfo info;
    info.model.encoder = square_segmentor().encoder;
    info.preprocessing = {{0.1, 0.2, 0.3}, {0.4, 0.5, 0.6}, {64, 64}};
    info.task = task_of(square_segmentor(), land_scheme(), {{300, 200}, {40, 24}});
    if (change) change(info);
    save_weights(file_, *segmentor, info);
  }

  /// As others would write it: without a description.
  void write_foreign(const SegmentorConfig& config) const {
    const auto segmentor = random_segmentor(config);
    const NamedTensors tensors = named_tensors(*segmentor);
    std::vector<TensorView> views;
    for (const auto& [name, tensor] : tensors) {
      views.push_back({name,
                       tensor.scalar_type() == at::kLong ? DType::i64 : DType::f32,
                       tensor.sizes().vec(),
                       {static_cast<const std::byte*>(tensor.const_data_ptr()),
                        static_cast<std::size_t>(tensor.nbytes())}});
    }
    write_safetensors(file_, views, {});
  }

  std::string error_of(const std::function<void(Json&)>& change) const {
    write_own([&](CheckpointInfo& info) { change(info.task); });
    try {
      load_segmentor(file_);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  ScratchDirectory scratch_;
  std::filesystem::path file_ = scratch_.path() / "weights.safetensors";
};

TEST_F(SegmentorCheckpoint, HoldsTheSegmentorAndWhatItsClassesAre) {
  write_own();
  const LoadedSegmentor loaded = load_segmentor(file_);
  EXPECT_TRUE(loaded.named);
  EXPECT_FALSE(loaded.segmentor->is_training());
  EXPECT_EQ(loaded.segmentor->config(), square_segmentor());
  EXPECT_EQ(loaded.scheme->classes(), land_scheme().classes());
  EXPECT_EQ(loaded.scheme->ignored(), land_scheme().ignored());
  EXPECT_EQ(loaded.scheme->palette().entries(), land_scheme().palette().entries());
  EXPECT_EQ(loaded.test.bounds.longest, 300);
  EXPECT_EQ(loaded.test.bounds.shortest, 200);
  EXPECT_EQ(loaded.test.stride, (Size{40, 24}));
  EXPECT_EQ(loaded.preprocessing.mean, (std::vector<double>{0.1, 0.2, 0.3}));
  const auto expected = random_segmentor(square_segmentor());
  const NamedTensors wanted = named_tensors(*expected);
  const NamedTensors found = named_tensors(*loaded.segmentor);
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(at::equal(found[i].second, wanted[i].second)) << found[i].first;
  }
}

TEST_F(SegmentorCheckpoint, IsRefusedIfItDescribesNone) {
  EXPECT_EQ(error_of([](Json&) {}), "");
  EXPECT_THAT(error_of([](Json& task) { task["kind"] = "classification"; }),
              HasSubstr("holds no segmentor"));
  EXPECT_THAT(error_of([](Json& task) { task.erase("segmentor"); }),
              HasSubstr("describes its segmentor badly"));
  EXPECT_THAT(error_of([](Json& task) { task["segmentor"]["pool_scales"] = {0}; }),
              HasSubstr("pool scales"));
  EXPECT_THAT(error_of([](Json& task) { task["segmentor"]["channels"] = 9; }),
              HasSubstr("has the shape"));
  EXPECT_THAT(error_of([](Json& task) { task["labels"]["ids"][0] = {1}; }), HasSubstr("twice"));
  EXPECT_THAT(error_of([](Json& task) {
                task["labels"]["ids"].erase(0);
                task["labels"]["names"].erase(0);
              }),
              HasSubstr("names 3 classes, but tells 4 apart"));
  EXPECT_THAT(error_of([](Json& task) { task["bounds"] = {300}; }), HasSubstr("bounds"));
  EXPECT_THAT(error_of([](Json& task) { task["stride"] = {65, 64}; }), HasSubstr("stride"));
  EXPECT_THAT(error_of([](Json& task) {
                task["segmentor"]["img_size"] = {64, 96};
              }),
              HasSubstr("its images are of"));
}

TEST_F(SegmentorCheckpoint, OfOthersHasNumbersForClasses) {
  write_foreign(square_segmentor(4));
  const LoadedSegmentor four = load_segmentor(file_);
  EXPECT_FALSE(four.named);
  EXPECT_EQ(four.scheme->names(), (std::vector<std::string>{"0", "1", "2", "3"}));
  EXPECT_EQ(four.scheme->id_of(3), 3);
  EXPECT_EQ(four.scheme->class_of(255), LabelMap::kIgnored);
  EXPECT_EQ(four.test.stride, (Size{42, 42}));

  write_foreign(square_segmentor(150));
  const LoadedSegmentor ade20k = load_segmentor(file_);
  EXPECT_EQ(ade20k.scheme->id_of(0), 1);
  EXPECT_EQ(ade20k.scheme->id_of(149), 150);
  EXPECT_EQ(ade20k.scheme->class_of(0), LabelMap::kIgnored);
}

TEST(TestSizes, WindowsOverlapByAThird) {
  EXPECT_EQ(default_stride({512, 512}), (Size{341, 341}));
  EXPECT_EQ(default_stride({96, 1}), (Size{64, 1}));
}

}  // namespace
}  // namespace convmae
