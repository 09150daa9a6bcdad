#define CONVMAE_VECTOR_BYTES 16
#define CONVMAE_KERNELS kernels_baseline
#include "convmae/ops/layer_norm_kernel.inc"
