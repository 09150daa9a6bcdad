#pragma once

#include <CLI/CLI.hpp>

namespace convmae {

// Checks of the numbers that flags take. What they refuse is named in one readable line.

CLI::Validator positive();
CLI::Validator not_negative();

}  // namespace convmae
