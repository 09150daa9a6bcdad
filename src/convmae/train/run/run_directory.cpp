#include "convmae/train/run/run_directory.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/atomic_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <system_error>
#include <utility>

namespace convmae {
namespace {

bool holds_a_run(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path / "checkpoints", ignored) ||
         std::filesystem::exists(path / "log.txt", ignored);
}

void remove_run(const RunPaths& paths) {
  for (const std::filesystem::path& old :
       {paths.checkpoints(), paths.panels(), paths.log(), paths.steps(), paths.bad_samples(),
        paths.report(), paths.weights(), paths.config()}) {
    std::filesystem::remove_all(old);
  }
  for (const auto& entry : std::filesystem::directory_iterator(paths.root)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) {
      std::filesystem::remove(entry.path());
    }
  }
}

}  // namespace

RunDirectory::RunDirectory(std::filesystem::path root) : paths_{std::move(root)} {
  const std::filesystem::path lock = paths_.root / ".lock";
  lock_ = FileDescriptor(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock_.is_open()) throw_file_error("create", lock, errno);
  // The kernel drops this lock with the process, so a killed one leaves no stale lock behind. File
  // systems without locks are used without this protection.
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw UserError("another process is writing the run directory " + quote(paths_.root.string()) +
                    ": wait for it to end, or choose another directory");
  }
  remove_abandoned_temporaries(paths_.root);
}

RunDirectory RunDirectory::create(const std::filesystem::path& path, bool overwrite) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    throw UserError("cannot make the run directory " + quote(path.string()) + ": " +
                    error.message());
  }
  RunDirectory run(path);
  if (holds_a_run(path)) {
    if (!overwrite) {
      throw UserError(quote(path.string()) + " holds a run already: continue it with --resume " +
                      shell_word(path.string()) + ", or choose another --out");
    }
    remove_run(run.paths());
  }
  return run;
}

RunDirectory RunDirectory::open(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) {
    throw UserError("--resume takes a run directory, but " + quote(path.string()) +
                    " is a file: give the run's directory, or start a new run from the file with "
                    "--init " +
                    shell_word(path.string()) +
                    " (and --init_optimizer, to go on with a published checkpoint's optimizer)");
  }
  if (!std::filesystem::is_directory(path, error)) {
    throw UserError("there is no run directory " + quote(path.string()) +
                    ": check the path given to --resume");
  }
  if (!holds_a_run(path)) {
    throw UserError(quote(path.string()) +
                    " holds no run (it has no checkpoints): start one with --out " +
                    shell_word(path.string()));
  }
  return RunDirectory(path);
}

}  // namespace convmae
