#pragma once

#include <CLI/App.hpp>

#include <string>

namespace convmae {

/// What to make smaller when a command needs more memory than there is: by the flags that the
/// command has.
std::string memory_advice(const CLI::App& app);

}  // namespace convmae
