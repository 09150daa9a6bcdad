// Compiled for AVX2, BMI2 and FMA: no functions shared with other files.

#define CONVMAE_JPEG_KERNELS kJpegAvx2
#include "convmae/data/jpeg_kernels.inc"
