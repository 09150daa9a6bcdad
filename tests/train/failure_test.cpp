#include "convmae/train/failure.h"

#include "convmae/base/error.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <new>
#include <stdexcept>
#include <vector>

namespace convmae {
namespace {

struct Told {
  bool out_of_memory = false;
  std::string text;
};

Told told_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    return {is_out_of_memory(error), failure_text(error)};
  }
  return {};
}

TEST(Failure, OfMemoryIsKnownWhereverItWasAskedFor) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 46;
  for (const std::function<void()>& work : std::initializer_list<std::function<void()>>{
           [] { at::empty({kHuge}); },
           [] {
             at::empty({kHuge, kHuge});
           },
           [] { throw std::bad_alloc(); }, [] { std::vector<int>().resize(SIZE_MAX); }}) {
    const Told told = told_of(work);
    EXPECT_TRUE(told.out_of_memory) << told.text;
    EXPECT_TRUE(told.text.starts_with("there is not enough memory")) << told.text;
  }
  EXPECT_EQ(
      told_of([] { at::empty({kHuge}); }).text,
      "there is not enough memory (another " + std::to_string(4 * kHuge) + " bytes were needed)");
}

TEST(Failure, OfOtherKindsKeepTheirText) {
  const Told invariant = told_of([] { TORCH_CHECK(false, "three is no two"); });
  EXPECT_FALSE(invariant.out_of_memory);
  EXPECT_EQ(invariant.text, "three is no two");
  const Told user = told_of([] { throw UserError("give another"); });
  EXPECT_FALSE(user.out_of_memory);
  EXPECT_EQ(user.text, "give another");
}

}  // namespace
}  // namespace convmae
