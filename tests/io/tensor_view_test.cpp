#include "convmae/io/tensor_view.h"

#include "convmae/base/checked.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <numeric>

namespace convmae {
namespace {

TEST(DType, NamesAreInverses) {
  for (int i = 0; i <= static_cast<int>(DType::f8_e5m2); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_from_safetensors(safetensors_name(dtype)), dtype);
    EXPECT_EQ(dtype_from_torch(torch_name(dtype)), dtype);
  }
  EXPECT_EQ(dtype_from_torch("float31"), std::nullopt);
  EXPECT_EQ(dtype_from_safetensors("f32"), std::nullopt);
}

class StridedCopy : public ::testing::Test {
 protected:
  StridedCopy() { std::iota(storage_.begin(), storage_.end(), std::int16_t{0}); }

  std::vector<std::int16_t> copy(std::vector<std::int64_t> shape, std::vector<std::int64_t> stride,
                                 std::int64_t offset) {
    const StridedTensor tensor{DType::i16,
                               std::move(shape),
                               std::move(stride),
                               offset,
                               0,
                               false,
                               std::as_bytes(std::span(storage_))};
    std::vector<std::int16_t> out(static_cast<std::size_t>(tensor.numel()));
    copy_elements(tensor, std::as_writable_bytes(std::span(out)));
    return out;
  }

  std::array<std::int16_t, 24> storage_{};
};

TEST_F(StridedCopy, FollowsStrides) {
  EXPECT_EQ(copy({2, 3}, {3, 1}, 4), (std::vector<std::int16_t>{4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(copy({3, 2}, {1, 3}, 0), (std::vector<std::int16_t>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(copy({2, 2}, {0, 1}, 20), (std::vector<std::int16_t>{20, 21, 20, 21}));
  EXPECT_EQ(copy({2, 2, 2}, {12, 1, 6}, 1),
            (std::vector<std::int16_t>{1, 7, 2, 8, 13, 19, 14, 20}));
  EXPECT_EQ(copy({}, {}, 23), std::vector<std::int16_t>{23});
  EXPECT_EQ(copy({2, 0}, {1, 1}, 0), std::vector<std::int16_t>{});
}

// A dimension of one element may have any stride, which leads nowhere. (The sum that overflowed is
// seen by the sanitizers.)
TEST_F(StridedCopy, DoesNotFollowStridesThatLeadNowhere) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(copy({2, 1}, {2, kMost}, 3), (std::vector<std::int16_t>{3, 5}));
  EXPECT_EQ(copy({1, 2}, {kMost, 3}, 3), (std::vector<std::int16_t>{3, 6}));
}

bool contiguous(std::vector<std::int64_t> shape, std::vector<std::int64_t> stride) {
  StridedTensor tensor;
  tensor.shape = std::move(shape);
  tensor.stride = std::move(stride);
  return tensor.is_contiguous();
}

TEST(StridedTensor, KnowsWhenItIsContiguous) {
  EXPECT_TRUE(contiguous({2, 3}, {3, 1}));
  EXPECT_TRUE(contiguous({2, 1, 3}, {3, 7, 1}));
  EXPECT_TRUE(contiguous({5, 0}, {9, 9}));
  EXPECT_FALSE(contiguous({2, 3}, {1, 2}));
  EXPECT_FALSE(contiguous({2, 3}, {0, 1}));
  EXPECT_EQ(contiguous_strides(std::array<std::int64_t, 3>{2, 3, 4}),
            (std::vector<std::int64_t>{12, 4, 1}));
}

TEST(CheckedNumel, RefusesOverflowAndNegativeSizes) {
  const auto numel = [](std::vector<std::int64_t> shape) { return checked_numel(shape); };
  EXPECT_EQ(numel({}), 1);
  EXPECT_EQ(numel({3, 4}), 12);
  EXPECT_EQ(numel({3, 0, 4}), 0);
  EXPECT_EQ(numel({3, -1}), std::nullopt);
  EXPECT_EQ(numel({std::int64_t{1} << 32, std::int64_t{1} << 31}), std::nullopt);
  EXPECT_EQ(numel({std::int64_t{1} << 32, 0, std::int64_t{1} << 31}), std::nullopt);
}

}  // namespace
}  // namespace convmae
