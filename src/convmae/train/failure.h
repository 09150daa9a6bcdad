#pragma once

#include <exception>
#include <string>

namespace convmae {

/// Whether memory that was asked for could not be had. libtorch has no type of its own for that.
bool is_out_of_memory(const std::exception& error);

/// What went wrong, in a line: without libtorch's backtrace, and of memory how much was missing.
std::string failure_text(const std::exception& error);

}  // namespace convmae
