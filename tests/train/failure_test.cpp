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
  // As libtorch says it; an allocation of such a size ends a sanitized program.
  const auto refuse = [] {
    TORCH_CHECK(false,
                "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate "
                "memory: you tried to allocate 77 bytes. Error code 12 (Cannot allocate memory)");
  };
  for (const std::function<void()>& work : std::initializer_list<std::function<void()>>{
           refuse,
           [] {
             at::empty({std::int64_t{1} << 46, std::int64_t{1} << 46});
           },
           [] { throw std::bad_alloc(); }, [] { std::vector<int>().resize(SIZE_MAX); }}) {
    const Told told = told_of(work);
    EXPECT_TRUE(told.out_of_memory) << told.text;
    EXPECT_TRUE(told.text.starts_with("there is not enough memory")) << told.text;
  }
  EXPECT_EQ(told_of(refuse).text, "there is not enough memory (another 77 bytes were needed)");
}

TEST(Failure, OfADevicesMemoryNamesTheAmount) {
  // As libtorch says it of a GPU.
  const Told told = told_of([] {
    TORCH_CHECK_WITH(OutOfMemoryError, false,
                     "CUDA out of memory. Tried to allocate 20.50 GiB. GPU 0 has a total capacity "
                     "of 79.10 GiB of which 3.00 GiB is free.");
  });
  EXPECT_TRUE(told.out_of_memory);
  EXPECT_EQ(told.text, "the device has not enough memory (another 20.50 GiB were needed)");
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
