#define CONVMAE_JPEG_KERNELS kJpegGeneric
#include "convmae/data/decode/jpeg_kernels.inc"

namespace convmae {

const JpegKernels& jpeg_kernels() {
#ifdef __x86_64__
  // All that jpeg_kernels_avx2.cpp is compiled for.
  static const bool has_all = __builtin_cpu_supports("avx2") != 0 &&
                              __builtin_cpu_supports("bmi2") != 0 &&
                              __builtin_cpu_supports("fma") != 0;
  if (has_all) return kJpegAvx2;
#endif
  return kJpegGeneric;
}

}  // namespace convmae
