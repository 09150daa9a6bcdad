#define CONVMAE_JPEG_KERNELS kJpegGeneric
#include "convmae/data/jpeg_kernels.inc"

namespace convmae {

const JpegKernels& jpeg_kernels() {
#ifdef __x86_64__
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return kJpegAvx2;
#endif
  return kJpegGeneric;
}

}  // namespace convmae
