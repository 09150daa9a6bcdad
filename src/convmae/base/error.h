#pragma once

#include <stdexcept>
#include <string>

namespace convmae {

/// Something the user gave or asked for is wrong: a file, a flag, a configuration, a full disk.
/// The text is one line that says what was expected, what was found and what to do next; every
/// command prints it as `convmae: error: TEXT` and exits with code 2.
/// A violated invariant of our own code is not a UserError: that is a TORCH_CHECK or an assert.
class UserError : public std::runtime_error {
 public:
  explicit UserError(const std::string& what) : std::runtime_error(what) {}
};

}  // namespace convmae
