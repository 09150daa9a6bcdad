#define CONVMAE_VECTOR_BYTES 32
#define CONVMAE_KERNELS kernels_avx2
#include "convmae/ops/attention_kernel.inc"
