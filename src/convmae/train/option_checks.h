#pragma once

#include <cstdint>
#include <string>

/// Checks of options: each throws UserError that names the flag, says what it takes and what was
/// found.
namespace convmae {

void require(bool condition, const std::string& message);
/// Up to what flags take that count something, so that the product of two of them fits its type.
inline constexpr std::int64_t kMostCounted = 1'000'000'000;

void require_at_least(std::int64_t value, std::int64_t least, const char* flag);
void require_not_negative(double value, const char* flag);
/// 1 to kMostCounted.
void require_count(std::int64_t value, const char* flag);
/// At least 0 and below 1.
void require_share(double value, const char* flag);

/// Makes a path one that stays right wherever the configuration is used from; an empty one stays
/// empty.
void make_absolute(std::string& path);

}  // namespace convmae
