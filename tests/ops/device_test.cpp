#include "convmae/ops/device.h"

#include "convmae/base/error.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace convmae {
namespace {

TEST(Device, HasTheNamesOfTheFlag) {
  EXPECT_TRUE(parse_device("cpu").is_cpu());
  EXPECT_NO_THROW(parse_device("auto"));
  for (const char* const name : {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda1",
                                 "cuda:99", "cpu:0", "meta"}) {
    EXPECT_THROW(parse_device(name), UserError) << name;
  }
}

TEST(Device, TheCpuIsWhereHostMemoryIs) {
  const at::Tensor host = at::ones({2});
  EXPECT_TRUE(sent_to(at::kCPU, host).is_same(host));
  EXPECT_TRUE(sent_to(at::kMeta, host).is_meta());
}

}  // namespace
}  // namespace convmae
