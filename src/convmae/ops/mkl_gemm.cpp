#include "convmae/ops/mkl_gemm.h"

#include <ATen/ops/empty.h>

#include <cstdint>

// Of mkl_cblas.h, which the wheels do not bring; null in a libtorch without MKL.
extern "C" __attribute__((weak)) void cblas_gemm_bf16bf16f32(int layout, int transpose_a,
                                                             int transpose_b, int m, int n, int k,
                                                             float alpha, const std::uint16_t* a,
                                                             int lda, const std::uint16_t* b,
                                                             int ldb, float beta, float* c,
                                                             int ldc);

namespace convmae::mkl_gemm {
namespace {

constexpr int kRowMajor = 101;
constexpr int kNotTransposed = 111;
constexpr int kTransposed = 112;

const std::uint16_t* numbers_of(const at::Tensor& x) {
  return static_cast<const std::uint16_t*>(x.const_data_ptr());
}

}  // namespace

bool available() { return &cblas_gemm_bf16bf16f32 != nullptr; }

at::Tensor weight_gradient(const at::Tensor& grad, const at::Tensor& rows) {
  const at::Tensor left = grad.contiguous();
  const at::Tensor right = rows.contiguous();
  const auto depth = static_cast<int>(left.size(0));
  const auto out = static_cast<int>(left.size(1));
  const auto in = static_cast<int>(right.size(1));
  at::Tensor result = at::empty({out, in}, left.options().dtype(at::kFloat));
  cblas_gemm_bf16bf16f32(kRowMajor, kTransposed, kNotTransposed, out, in, depth, 1,
                         numbers_of(left), out, numbers_of(right), in, 0,
                         result.mutable_data_ptr<float>(), in);
  return result;
}

}  // namespace convmae::mkl_gemm
