#pragma once

#include "convmae/ops/kernels/element.h"

#include <cstdint>

/// The loops of ops::attention, compiled once per instruction set; see depthwise.h.
namespace convmae::attention_kernel {

/// Rows of numbers of the element type, one a token; the numbers of a row are contiguous.
struct ConstRows {
  const void* data = nullptr;
  std::int64_t stride = 0;  ///< elements from one token to the next
};
struct Rows {
  void* data = nullptr;
  std::int64_t stride = 0;
};

/// What is added to the scores of one head, in the accumulation type; see ops::ScoreBias. Null is
/// what is absent.
struct Bias {
  std::int64_t height = 0;                     ///< h of the grid
  std::int64_t width = 0;                      ///< w
  const void* table = nullptr;                 ///< [2h-1, 2w-1]
  const void* rows = nullptr;                  ///< [queries, h]
  const void* columns = nullptr;               ///< [queries, w]
  const std::int64_t* query_places = nullptr;  ///< [queries]
  const std::int64_t* key_places = nullptr;    ///< [keys]
};
struct BiasGradient {
  void* table = nullptr;
  void* rows = nullptr;
  void* columns = nullptr;
};

/// One head of one sequence.
struct Head {
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::int64_t dim = 0;
  ConstRows query;                ///< [queries, dim]
  ConstRows key;                  ///< [keys, dim]
  ConstRows value;                ///< [keys, dim]
  const bool* visible = nullptr;  ///< [keys] keys that may be attended to; null for all
  Bias bias;
};

struct Forward {
  Rows out;                 ///< [queries, dim]
  void* log_sum = nullptr;  ///< [queries] log of the softmax's denominator, accumulation type
};

struct Backward {
  const void* log_sum = nullptr;  ///< what the forward pass gave
  ConstRows grad_out;             ///< [queries, dim]
  Rows out;                       ///< [queries, dim] the result, once more
  Rows grad_query;                ///< [queries, dim]
  Rows grad_key;                  ///< [keys, dim]
  Rows grad_value;                ///< [keys, dim]
  BiasGradient grad_bias;         ///< null for what is absent or not wanted
};

/// `scratch` is memory of `scratch_bytes`, aligned to 64 bytes. Accumulation is in double for f64,
/// else in float.
struct Kernels {
  std::int64_t (*scratch_bytes)(const Head& head);
  void (*forward)(const Head& head, const Forward& result, void* scratch);
  void (*backward)(const Head& head, const Backward& result, void* scratch);
};

Kernels kernels_baseline(Element element);
Kernels kernels_avx2(Element element);
Kernels kernels_avx512(Element element);
Kernels kernels_avx512_bf16(Element element);

}  // namespace convmae::attention_kernel
