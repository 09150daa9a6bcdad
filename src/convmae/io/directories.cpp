#include "convmae/io/directories.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <system_error>

namespace convmae {

void make_directory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) return;
  throw UserError("cannot make the directory " + quote(directory.string()) + ": " +
                  error.message());
}

}  // namespace convmae
