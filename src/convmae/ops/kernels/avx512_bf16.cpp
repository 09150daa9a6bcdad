#include <immintrin.h>

#define CONVMAE_VECTOR_BYTES 64
#define CONVMAE_KERNELS kernels_avx512_bf16
#include "convmae/ops/kernels/attention.inc"
#include "convmae/ops/kernels/depthwise.inc"
#include "convmae/ops/kernels/gelu.inc"
#include "convmae/ops/kernels/layer_norm.inc"
#include "convmae/ops/kernels/roi_align.inc"
