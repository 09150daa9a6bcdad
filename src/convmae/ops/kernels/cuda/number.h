#pragma once

#include <cstdint>
#include <cstring>

/// What a thread of a GPU does is a function that nvcc compiles for it and g++ for the tests.
#if defined(__CUDACC__)
#define CONVMAE_HOST_DEVICE __host__ __device__
#else
#define CONVMAE_HOST_DEVICE
#endif

/// Before a loop whose counters must be constants, so that arrays that it indexes are registers.
#if defined(__CUDA_ARCH__)
#define CONVMAE_UNROLL _Pragma("unroll")
#else
#define CONVMAE_UNROLL
#endif

/// Numbers in memory, and what is computed with them.
namespace convmae::cuda_kernel {

struct Bf16 {
  std::uint16_t bits;
};

CONVMAE_HOST_DEVICE inline float float_of(Bf16 number) {
  const std::uint32_t bits = static_cast<std::uint32_t>(number.bits) << 16;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// To the nearest, ties to even; NaN stays NaN.
CONVMAE_HOST_DEVICE inline Bf16 bf16_of(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  const bool nan = (bits & 0x7fffffffU) > 0x7f800000U;
  const std::uint32_t rounded = bits + 0x7fffU + ((bits >> 16) & 1U);
  return {static_cast<std::uint16_t>(nan ? (bits >> 16) | 0x40U : rounded >> 16)};
}

/// How numbers of type T are read and written; `Acc` is what they are added up in.
template <typename T>
struct Number {
  using Acc = T;
  CONVMAE_HOST_DEVICE static T load(const T* at) { return *at; }
  CONVMAE_HOST_DEVICE static void store(T* at, T value) { *at = value; }
};

template <>
struct Number<Bf16> {
  using Acc = float;
  CONVMAE_HOST_DEVICE static float load(const Bf16* at) { return float_of(*at); }
  CONVMAE_HOST_DEVICE static void store(Bf16* at, float value) { *at = bf16_of(value); }
};

template <typename T>
using AccOf = typename Number<T>::Acc;

/// Two neighbours, moved at once.
template <typename T>
struct alignas(2 * sizeof(T)) Pair {
  T first;
  T second;
};

/// The pair at `at`, which must be aligned to two numbers.
template <typename T>
CONVMAE_HOST_DEVICE inline Pair<AccOf<T>> load_pair(const T* at) {
  const Pair<T> pair = *reinterpret_cast<const Pair<T>*>(at);
  return {Number<T>::load(&pair.first), Number<T>::load(&pair.second)};
}

template <typename T>
CONVMAE_HOST_DEVICE inline void store_pair(T* at, Pair<AccOf<T>> values) {
  Pair<T> pair{};
  Number<T>::store(&pair.first, values.first);
  Number<T>::store(&pair.second, values.second);
  *reinterpret_cast<Pair<T>*>(at) = pair;
}

/// The end of a part of `count` things that begins at `first` and has room for `size`.
CONVMAE_HOST_DEVICE inline std::int64_t end_of_part(std::int64_t first, std::int64_t size,
                                                    std::int64_t count) {
  return first + size < count ? first + size : count;
}

}  // namespace convmae::cuda_kernel
