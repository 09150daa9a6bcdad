#include "convmae/report/terminal.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>

namespace convmae {
namespace {

constexpr int kDefaultColumns = 80;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Whether the locale's encoding is UTF-8; the first of these that is set decides (POSIX).
bool locale_is_utf8() {
  std::string locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (locale.empty()) locale = environment(name);
  }
  const auto names = {"UTF-8", "utf-8", "UTF8", "utf8"};
  return std::any_of(names.begin(), names.end(), [&locale](const char* encoding) {
    return locale.find(encoding) != std::string::npos;
  });
}

void write_to_standard_error(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    // A closed or full standard error must not end a training run.
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

int standard_error_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kDefaultColumns;
}

}  // namespace

Terminal standard_error() {
  Terminal terminal;
  terminal.write = write_to_standard_error;
  terminal.columns = standard_error_columns;
  terminal.interactive = ::isatty(STDERR_FILENO) == 1 && environment("TERM") != "dumb";
  terminal.colour = terminal.interactive && environment("NO_COLOR").empty();
  terminal.unicode = locale_is_utf8();
  return terminal;
}

}  // namespace convmae
