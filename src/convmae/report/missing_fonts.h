#pragma once

#include <set>
#include <string>

namespace convmae {

/// Characters that were drawn as boxes because no installed font has them, and the Debian packages
/// of fonts that do.
class MissingFonts {
 public:
  void add(char32_t character);

  /// One line that names the packages for what has been added; empty if every one of them has been
  /// named before.
  std::string advice();

 private:
  std::set<std::string> named_;
  std::set<std::string> unnamed_;
  char32_t example_ = 0;  ///< a character of the unnamed packages
};

}  // namespace convmae
