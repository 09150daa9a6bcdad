#include "convmae/train/failure.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <string_view>

namespace convmae {
namespace {

/// What libtorch says of memory that it does not get, and of sizes that no memory has.
constexpr std::array<std::string_view, 5> kOfMemory = {
    "DefaultCPUAllocator: ", "out of memory", "Storage size calculation overflowed",
    "numel: integer multiplication overflow", "Cannot allocate memory"};

/// What stands before the amount that was missing: bytes of the CPU's memory, or an amount with its
/// unit, and a full stop, of a device's.
constexpr std::string_view kBeforeBytes = "you tried to allocate ";
constexpr std::string_view kBeforeAmount = "Tried to allocate ";

}  // namespace

bool is_out_of_memory(const std::exception& error) {
  // The second one is a container's that would exceed all addresses.
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return true;
  if (dynamic_cast<const std::length_error*>(&error) != nullptr) return true;
  const auto* const of_torch = dynamic_cast<const c10::Error*>(&error);
  if (of_torch == nullptr) return false;
  const std::string_view text = of_torch->what_without_backtrace();
  return std::ranges::any_of(kOfMemory, [text](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  });
}

std::string failure_text(const std::exception& error) {
  const auto* const of_torch = dynamic_cast<const c10::Error*>(&error);
  const std::string_view text =
      of_torch == nullptr ? error.what() : of_torch->what_without_backtrace();
  if (!is_out_of_memory(error)) return std::string(text);
  if (const std::size_t found = text.find(kBeforeAmount); found != std::string_view::npos) {
    const std::string_view amount = text.substr(found + kBeforeAmount.size());
    return "the device has not enough memory (another " +
           std::string(amount.substr(0, amount.find(". "))) + " were needed)";
  }
  const std::size_t found = text.find(kBeforeBytes);
  if (found == std::string_view::npos) return "there is not enough memory";
  std::string_view bytes = text.substr(found + kBeforeBytes.size());
  bytes = bytes.substr(0, bytes.find_first_not_of("0123456789"));
  return "there is not enough memory (another " + std::string(bytes) + " bytes were needed)";
}

}  // namespace convmae
