#pragma once

#include <string>

namespace convmae {

/// The instruction set that our kernels are picked for.
enum class KernelLevel { baseline, avx2, avx512, avx512_bf16 };

/// What this CPU offers, capped by ATEN_CPU_CAPABILITY (default, avx2, avx512) as ATen's own
/// kernels; avx512 leaves bfloat16 instructions out.
KernelLevel cpu_kernel_level();
std::string to_string(KernelLevel level);

/// Of the builds of the same kernels the one for this CPU.
template <typename Kernels>
Kernels for_this_cpu(Kernels baseline, Kernels avx2, Kernels avx512, Kernels avx512_bf16) {
  switch (cpu_kernel_level()) {
    case KernelLevel::avx512_bf16:
      return avx512_bf16;
    case KernelLevel::avx512:
      return avx512;
    case KernelLevel::avx2:
      return avx2;
    case KernelLevel::baseline:
      break;
  }
  return baseline;
}

enum class CpuVendor { amd, intel, other };
CpuVendor cpu_vendor();

/// Whether AVX-512 BF16 multiplies faster than float32 does: on CPUs with AMX, which are meant to
/// multiply bfloat16 by that, it takes longer.
bool cpu_has_fast_bf16();
/// Whether the CPU multiplies bfloat16 natively (AVX-512 BF16 or AMX).
bool cpu_has_bf16();

/// Whether oneDNN multiplies matrices of float32, or bfloat16, faster than ATen left to itself.
bool cpu_prefers_onednn(bool bf16);

/// One line for logs: brand string and the flags that arithmetic depends on.
std::string describe_cpu();

}  // namespace convmae
