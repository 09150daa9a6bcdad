#pragma once

#include <cstdint>

namespace convmae {

/// Fixed-point weights of one pass, for the inner loops. Plain pointers: what is compiled for one
/// instruction set must not share inline functions with the rest of the program.
struct PassWeights {
  std::int64_t outputs = 0;
  const std::int64_t* first = nullptr;    ///< first input of each output
  const std::int64_t* count = nullptr;    ///< number of inputs of each output
  std::int64_t stride = 0;                ///< from one output's weights to the next one's
  const std::int32_t* weights = nullptr;  ///< [outputs, stride]
  /// The weights again, each as `high * 2^kLowBits + low`, in groups of four taps: four low parts,
  /// four high parts. The last group is filled up with zeros.
  const std::int16_t* halves = nullptr;
  std::int64_t halves_stride = 0;
  bool coarse = false;  ///< all low parts are zero
};

constexpr int kLowBits = 12;

/// 8-bit rows, and how far apart they lie.
struct Rows {
  const std::uint8_t* data = nullptr;
  std::int64_t stride = 0;
};

/// The inner loops of the 8-bit resize. All variants compute the same integers: the sum over taps
/// of value * weight, rounded and clipped.
struct ResizeKernels {
  /// `rows` rows along the width. Each may be read up to Image::kPadding bytes behind its last tap.
  void (*along_width)(Rows in, std::int64_t rows, std::int64_t channels, const PassWeights& weights,
                      std::uint8_t* out);
  /// All outputs along the height, each `values` long. Row 0 of `in` is input 0 of the weights.
  void (*along_height)(Rows in, std::int64_t values, const PassWeights& weights, std::uint8_t* out);
};

extern const ResizeKernels kResizeGeneric;
extern const ResizeKernels kResizeAvx2;

/// The fastest variant that this CPU runs.
const ResizeKernels& resize_kernels();

}  // namespace convmae
