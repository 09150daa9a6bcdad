#include <immintrin.h>

#define CONVMAE_VECTOR_BYTES 64
#define CONVMAE_KERNELS kernels_avx512_bf16
#include "convmae/ops/attention_kernel.inc"
