#include "convmae/base/standard_streams.h"

#include "convmae/base/error.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <iostream>
#include <string>
#include <system_error>
#include <unistd.h>

namespace convmae {
namespace {

/// Why standard output takes nothing; 0 if it does. The stream itself remembers only that something
/// was lost: what it is asked to write next fails for the same reason.
int reason_of_loss() {
  constexpr char kNewline = '\n';
  return ::write(STDOUT_FILENO, &kNewline, 1) < 0 ? errno : 0;
}

[[noreturn]] void throw_loss(int error) {
  if (error == EBADF) {
    throw UserError(
        "standard output is closed, and this command prints its results there: send it to a file, "
        "or to /dev/null if they are not wanted");
  }
  std::string message = "standard output could not be written, and a part of it is lost";
  if (error != 0) message += ": " + std::generic_category().message(error);
  const char* const advice = error == ENOSPC || error == EDQUOT ? "free some space"
                             : error == EFBIG ? "raise the file-size limit (ulimit -f)"
                                              : "send it elsewhere";
  throw UserError(message + "; " + advice + " and try again");
}

}  // namespace

void hold_standard_streams() {
  std::signal(SIGXFSZ, SIG_IGN);
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is this one. Both can only be read, so that writing goes on to fail,
    // also after an exec; the second is there also where the first is not.
    for (const char* const place : std::array{"/dev/null", "/"}) {
      if (::open(place, O_RDONLY) >= 0) break;
    }
  }
}

bool deliver_standard_output() {
  std::cout.flush();
  bool lost = std::ferror(stdout) != 0;
  int error = 0;
  if (std::fflush(stdout) != 0) {
    lost = true;
    error = errno;
  }
  if (lost && error == 0) error = reason_of_loss();
  // Some file systems tell only now that there is no room.
  if (std::fclose(stdout) != 0 && !lost && errno != EBADF) {
    lost = true;
    error = errno;
  }
  if (!lost) return true;
  if (error == EPIPE) return false;
  throw_loss(error);
}

}  // namespace convmae
