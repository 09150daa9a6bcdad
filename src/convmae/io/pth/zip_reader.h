#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string_view>

namespace convmae {

/// The members of a ZIP archive (PKWARE's APPNOTE 6.3, also zip64), which must all be stored
/// without compression, as PyTorch writes them. Local headers must agree with the central
/// directory, members may not overlap, and names may not repeat, so that every reader sees the same
/// content. Checksums are not compared: PyTorch can be told not to compute them, and does not
/// compare either. Names and data point into `file`. Throws UserError that says what is wrong,
/// without the file.
std::map<std::string_view, std::span<const std::byte>> read_zip(std::span<const std::byte> file);

}  // namespace convmae
