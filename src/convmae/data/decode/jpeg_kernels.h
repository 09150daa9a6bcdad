#pragma once

#include "convmae/data/decode/huffman.h"

#include <cstddef>
#include <cstdint>

namespace convmae {

/// Bits of entropy-coded data from which stuffing has been removed. Looks at up to eight bytes
/// behind the last one that it has taken bits of.
struct BitReader {
  const std::uint8_t* next = nullptr;
  std::uint64_t bits = 0;  ///< the next one is the highest
  std::int64_t count = 0;  ///< of bits that are valid
};

/// What a component's blocks are read with. No symbol of `dc` is larger than 15.
struct BlockCode {
  const HuffmanTable* dc = nullptr;
  const HuffmanTable* ac = nullptr;
  const std::uint32_t* dc_entries = nullptr;  ///< HuffmanTable::entries()
  const std::uint32_t* ac_entries = nullptr;
  /// In the order of the file, [kPositions]: what a coefficient is multiplied with, and where it is
  /// stored.
  const float* scale = nullptr;
  const std::uint8_t* positions = nullptr;
};

/// The inner loops of decode_jpeg_scan(). Plain pointers: what is compiled for one instruction set
/// must not share inline functions with the rest of the program.
struct JpegKernels {
  static constexpr std::size_t kCoefficients = 64;
  /// As many more as a run of zeros can end behind the last one.
  static constexpr std::size_t kPositions = kCoefficients + 16;
  /// Where those are stored: behind the coefficients of a block.
  static constexpr std::size_t kOutside = kCoefficients;
  /// Numbers that to_rgb may read, and pixels that it may write, behind the last one.
  static constexpr std::size_t kMore = 15;

  /// Reads a block, adding its first number to `predictor`. Its coefficients are written, over
  /// zeros, unless that is null. False at bits that mean nothing.
  bool (*read_block)(BitReader& in, const BlockCode& code, std::int16_t& predictor,
                     float* coefficients);
  /// coefficients[8 * u + v], u along the width and v along the height -> the block of `size` x
  /// `size` pixels, 8, 4, 2 or 1, that the lowest of them describe. Variants may differ by one.
  void (*inverse_transform)(const float* coefficients, int size, std::uint8_t* out,
                            std::int64_t stride);
  /// `out` receives every number `factor` times.
  void (*repeat)(const std::uint8_t* in, std::int64_t count, std::int64_t factor,
                 std::uint8_t* out);
  /// `count` pixels to RGB (JFIF: the full range of ITU-R BT.601).
  void (*to_rgb)(const std::uint8_t* luma, const std::uint8_t* blue, const std::uint8_t* red,
                 std::int64_t count, std::uint8_t* rgb);
};

extern const JpegKernels kJpegGeneric;
extern const JpegKernels kJpegAvx2;

/// The fastest variant that this CPU runs.
const JpegKernels& jpeg_kernels();

}  // namespace convmae
