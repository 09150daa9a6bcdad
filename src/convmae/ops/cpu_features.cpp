#include "convmae/ops/cpu_features.h"

#include <algorithm>
#include <array>
#include <cpuid.h>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace convmae {
namespace {

struct Registers {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf = 0) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

bool has_amx() { return (cpuid(7).edx >> 22 & 1U) != 0; }

bool has_avx512_bf16() { return (cpuid(7, 1).eax >> 5 & 1U) != 0; }

/// By what ATen asks of a CPU for its own kernels.
KernelLevel level_of_cpu() {
  if (!__builtin_cpu_supports("fma")) return KernelLevel::baseline;
  if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq")) {
    return has_avx512_bf16() ? KernelLevel::avx512_bf16 : KernelLevel::avx512;
  }
  return __builtin_cpu_supports("avx2") ? KernelLevel::avx2 : KernelLevel::baseline;
}

KernelLevel find_kernel_level() {
  const KernelLevel level = level_of_cpu();
  const char* const variable = std::getenv("ATEN_CPU_CAPABILITY");
  const std::string_view cap = variable == nullptr ? "" : variable;
  if (cap == "default") return KernelLevel::baseline;
  if (cap == "avx2") return std::min(level, KernelLevel::avx2);
  if (cap == "avx512") return std::min(level, KernelLevel::avx512);
  return level;
}

std::string brand() {
  std::array<unsigned, 12> words{};
  for (unsigned i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002U + i);
    const std::array<unsigned, 4> part{r.eax, r.ebx, r.ecx, r.edx};
    std::memcpy(&words[static_cast<size_t>(i) * 4], part.data(), sizeof part);
  }
  std::array<char, sizeof words + 1> text{};
  std::memcpy(text.data(), words.data(), sizeof words);
  return text.data();
}

}  // namespace

KernelLevel cpu_kernel_level() {
  static const KernelLevel level = find_kernel_level();
  return level;
}

std::string to_string(KernelLevel level) {
  switch (level) {
    case KernelLevel::avx512_bf16:
      return "avx512_bf16";
    case KernelLevel::avx512:
      return "avx512";
    case KernelLevel::avx2:
      return "avx2";
    case KernelLevel::baseline:
      break;
  }
  return "baseline";
}

CpuVendor cpu_vendor() {
  const Registers r = cpuid(0);
  std::array<char, 13> name{};
  std::memcpy(name.data(), &r.ebx, 4);
  std::memcpy(name.data() + 4, &r.edx, 4);
  std::memcpy(name.data() + 8, &r.ecx, 4);
  const std::string vendor = name.data();
  if (vendor == "AuthenticAMD") return CpuVendor::amd;
  if (vendor == "GenuineIntel") return CpuVendor::intel;
  return CpuVendor::other;
}

bool cpu_has_fast_bf16() { return cpu_kernel_level() == KernelLevel::avx512_bf16 && !has_amx(); }

bool cpu_has_bf16() {
  return cpu_kernel_level() >= KernelLevel::avx512 && (has_amx() || has_avx512_bf16());
}

// MKL picks slower kernels on CPUs that are not Intel's: on an AMD CPU with AVX-512, one thread, it
// gives 95-105 GFLOP/s in float32 where oneDNN gives 180-240. In bfloat16 ATen comes to oneDNN too,
// but adds the bias in passes of its own.
bool cpu_prefers_onednn(bool bf16) {
  const bool slow_mkl =
      cpu_vendor() != CpuVendor::intel && cpu_kernel_level() >= KernelLevel::avx512;
  return slow_mkl || (bf16 && cpu_has_bf16());
}

std::string describe_cpu() {
  std::string flags;
  const auto add = [&flags](bool has, const char* name) {
    if (has) flags += std::string(" ") + name;
  };
  const Registers seven = cpuid(7);
  add((seven.ebx >> 5 & 1U) != 0, "avx2");
  add((cpuid(1).ecx >> 12 & 1U) != 0, "fma");
  add((seven.ebx >> 16 & 1U) != 0, "avx512f");
  add((seven.ebx >> 31 & 1U) != 0, "avx512vl");
  add((seven.ecx >> 11 & 1U) != 0, "avx512_vnni");
  add(has_avx512_bf16(), "avx512_bf16");
  add(has_amx(), "amx_bf16");
  return brand() + " [" + (flags.empty() ? "" : flags.substr(1)) + "], kernels " +
         to_string(cpu_kernel_level());
}

}  // namespace convmae
