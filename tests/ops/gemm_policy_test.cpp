#include "convmae/ops/gemm_policy.h"

#include "convmae/base/error.h"
#include "convmae/ops/gemm.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <array>
#include <optional>

namespace convmae {
namespace {

constexpr std::array kBackends{GemmBackend::aten, GemmBackend::onednn, GemmBackend::native};

TEST(GemmPolicyTest, IsWhatTheTableSays) {
  for (const at::ScalarType type : {torch::kFloat, torch::kBFloat16, torch::kDouble}) {
    EXPECT_EQ(GemmPolicy().backend(type), default_gemm_backend(type));
  }
}

TEST(GemmPolicyTest, OverrulesOneTypeAlone) {
  for (const GemmBackend backend : kBackends) {
    const GemmPolicy policy(backend, torch::kBFloat16);
    EXPECT_EQ(policy.backend(torch::kBFloat16), backend);
    EXPECT_EQ(policy.backend(torch::kFloat), default_gemm_backend(torch::kFloat));
  }
}

TEST(GemmPolicyTest, OverrulesAllTypesButThoseThatNativeDoesNotTake) {
  EXPECT_EQ(GemmPolicy(GemmBackend::aten).backend(torch::kFloat), GemmBackend::aten);
  EXPECT_EQ(GemmPolicy(GemmBackend::aten).backend(torch::kBFloat16), GemmBackend::aten);
  const GemmPolicy native(GemmBackend::native);
  EXPECT_EQ(native.backend(torch::kBFloat16), GemmBackend::native);
  EXPECT_EQ(native.backend(torch::kFloat), default_gemm_backend(torch::kFloat));
}

TEST(GemmPolicyTest, ComesBackFromItsNumber) {
  EXPECT_EQ(GemmPolicy::of_number(GemmPolicy().number()), GemmPolicy());
  for (const GemmBackend backend : kBackends) {
    for (const std::optional<at::ScalarType> type :
         {std::optional<at::ScalarType>(), std::optional(torch::kByte),
          std::optional(torch::kFloat), std::optional(torch::kBFloat16)}) {
      const GemmPolicy policy(backend, type);
      EXPECT_EQ(GemmPolicy::of_number(policy.number()), policy);
      EXPECT_NE(policy, GemmPolicy());
    }
  }
}

TEST(GemmPolicyTest, NamesRoundTripAndOthersAreRefused) {
  for (const GemmBackend b : kBackends) {
    if (!has_gemm_backend(b)) {
      EXPECT_THROW(parse_gemm_backend(to_string(b)), UserError);
      continue;
    }
    EXPECT_EQ(parse_gemm_backend(to_string(b)), b);
  }
  EXPECT_THROW(parse_gemm_backend("mkl"), UserError);
}

}  // namespace
}  // namespace convmae
