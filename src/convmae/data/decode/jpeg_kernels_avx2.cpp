// Compiled for AVX2, BMI2 and FMA: no functions shared with other files.

#ifdef __AVX2__

#define CONVMAE_JPEG_KERNELS kJpegAvx2
#include "convmae/data/decode/jpeg_kernels.inc"

#endif  // __AVX2__
