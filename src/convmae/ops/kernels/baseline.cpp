#define CONVMAE_VECTOR_BYTES 16
#define CONVMAE_KERNELS kernels_baseline
#include "convmae/ops/kernels/attention.inc"
#include "convmae/ops/kernels/depthwise.inc"
#include "convmae/ops/kernels/gelu.inc"
#include "convmae/ops/kernels/layer_norm.inc"
#include "convmae/ops/kernels/roi_align.inc"
