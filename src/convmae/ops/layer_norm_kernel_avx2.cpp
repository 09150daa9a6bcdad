#define CONVMAE_VECTOR_BYTES 32
#define CONVMAE_KERNELS kernels_avx2
#include "convmae/ops/layer_norm_kernel.inc"
