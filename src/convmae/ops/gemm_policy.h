#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <string>

namespace convmae {

/// Who multiplies matrices: at::linear (MKL in the published wheels), the wheel's oneDNN, or our
/// own kernels (native_gemm.h: bfloat16 on CPUs with AVX-512 BF16).
enum class GemmBackend { aten, onednn, native };

/// Throws UserError for another name, and for a backend that this CPU lacks.
GemmBackend parse_gemm_backend(const std::string& name);
std::string to_string(GemmBackend backend);

/// The backend that a fixed table of CPU vendor, instruction set and type names; never a timing, so
/// that the same machine always computes the same bits. `convmae bench` checks the table.
GemmBackend default_gemm_backend(c10::ScalarType type);

/// Whether this CPU has the backend at all.
bool has_gemm_backend(GemmBackend backend);

/// Which backend multiplies with the weights of a layer, which has its policy and hands it to every
/// call. That of a run is written to its log and checkpoints.
class GemmPolicy {
 public:
  /// What the table says.
  GemmPolicy() = default;
  /// That backend for matrices of this type, or of all. Those of other types, such as of a float32
  /// head on bfloat16 features, stay as the table says, and so do for native all that it does not
  /// take.
  explicit GemmPolicy(GemmBackend backend, std::optional<c10::ScalarType> type = std::nullopt)
      : backend_(backend), type_(type) {}

  GemmBackend backend(c10::ScalarType type) const;

  /// The policy as a number, which an autograd function keeps for its backward pass.
  std::int64_t number() const;
  static GemmPolicy of_number(std::int64_t number);

  bool operator==(const GemmPolicy&) const = default;

 private:
  std::optional<GemmBackend> backend_;
  std::optional<c10::ScalarType> type_;  ///< none: of all types
};

}  // namespace convmae
