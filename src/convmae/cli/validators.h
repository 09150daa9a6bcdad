#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>

namespace convmae {

// Checks of the numbers that flags take. What they refuse is named in one readable line.

/// Lets an option take only what a T holds: CLI11 by itself takes the nearest number that fits, an
/// octal one for 010, 1 for true, and infinity. T: int, std::int64_t, std::uint64_t or double.
template <typename T>
CLI::Option* numbers_of(CLI::Option* option);
template <>
CLI::Option* numbers_of<int>(CLI::Option* option);
template <>
CLI::Option* numbers_of<std::int64_t>(CLI::Option* option);
template <>
CLI::Option* numbers_of<std::uint64_t>(CLI::Option* option);
template <>
CLI::Option* numbers_of<double>(CLI::Option* option);

CLI::Validator positive();
/// Of images and the like: products of two of them fit.
CLI::Validator count();
CLI::Validator not_negative();

}  // namespace convmae
