#define CONVMAE_VECTOR_BYTES 16
#define CONVMAE_KERNELS kernels_baseline
#include "convmae/ops/attention_kernel.inc"
