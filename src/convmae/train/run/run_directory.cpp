#include "convmae/train/run/run_directory.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/atomic_file.h"
#include "convmae/train/run/checkpoint_store.h"
#include "convmae/train/run/run_contents.h"

#include <cerrno>
#include <fcntl.h>
#include <span>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace convmae {
namespace {

void refuse_foreign(const RunContents& found) {
  if (found.foreign.empty()) return;
  throw UserError(quote(found.foreign.string()) +
                  " is there already and is not from a run of convmae, which would write there: "
                  "choose another --out, or move it away");
}

/// Why a directory without a checkpoint cannot be continued, and what to do instead.
std::string advice(const RunContents& found, const RunPaths& paths) {
  const std::string root = shell_word(paths.root.string());
  if (!found.is_run && !found.is_start) {
    if (found.foreign.empty()) return " holds no run of convmae: start one with --out " + root;
    return " holds no run of convmae, as " + quote(found.foreign.string()) +
           " is not from one: start a run in another directory with --out";
  }
  if (found.has_weights) {
    return " has no checkpoint to continue from: start a new run from its weights with --init " +
           shell_word(paths.weights().string()) + " and another --out";
  }
  return " has no checkpoint to continue from: start the run anew with --out " + root +
         (found.worth_keeping() ? " --overwrite" : "");
}

}  // namespace

RunDirectory::RunDirectory(std::filesystem::path root) : paths_{std::move(root)} {
  const std::filesystem::path lock = paths_.lock();
  lock_ = FileDescriptor(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock_.is_open()) throw_file_error("create", lock, errno);
  // The kernel drops this lock with the process, so a killed one leaves no stale lock behind. File
  // systems without locks are used without this protection.
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw UserError("another process is writing the run directory " + quote(paths_.root.string()) +
                    ": wait for it to end, or choose another directory");
  }
  remove_abandoned_temporaries(paths_.root);
  std::error_code ignored;
  if (std::filesystem::is_directory(paths_.panels(), ignored)) {
    remove_abandoned_temporaries(paths_.panels());
  }
}

void RunDirectory::mark() const {
  if (::ftruncate(lock_.get(), 0) != 0) throw_file_error("write", paths_.lock(), errno);
  write_all(lock_.get(), std::as_bytes(std::span(kRunMark)), paths_.lock());
}

RunDirectory RunDirectory::create(const std::filesystem::path& path, bool overwrite) {
  // Before anything is left there, not even a lock.
  refuse_foreign(contents_of({path}));
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    throw UserError("cannot make the run directory " + quote(path.string()) + ": " +
                    error.message());
  }
  RunDirectory run(path);
  const RunContents found = contents_of(run.paths());
  refuse_foreign(found);  // what another process left meanwhile
  if (found.is_run && found.worth_keeping() && !overwrite) {
    throw UserError(quote(path.string()) + " holds a run already: " +
                    (found.has_checkpoint
                         ? "continue it with --resume " + shell_word(path.string()) + ", "
                         : "it has no checkpoint to continue from; ") +
                    "delete it with --overwrite, or choose another --out");
  }
  run.mark();
  if (found.is_run || found.is_start) remove_run(run.paths());
  return run;
}

ResumePlace place_to_resume(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) {
    // best.safetensors is a link to a checkpoint.
    const std::filesystem::path file =
        path.parent_path() / std::filesystem::weakly_canonical(path, error).filename();
    const std::filesystem::path whole = std::filesystem::absolute(file).lexically_normal();
    const RunPaths run{whole.parent_path().parent_path()};
    if (whole.parent_path() == run.checkpoints() && contents_of(run).is_run &&
        is_checkpoint_name(file)) {
      return {run.root, whole};
    }
    throw UserError(
        "--resume takes a run directory, or a checkpoint in the folder 'checkpoints' "
        "of one, but " +
        quote(path.string()) +
        " is another file: give the run's directory, or start a new run from the file "
        "with --init " +
        shell_word(path.string()) +
        " (and --init_optimizer, to go on with a published checkpoint's optimizer)");
  }
  if (!std::filesystem::is_directory(path, error)) {
    throw UserError("there is no run directory " + quote(path.string()) +
                    ": check the path given to --resume");
  }
  const RunContents found = contents_of({path});
  if (!found.can_be_continued()) {
    throw UserError(quote(path.string()) + advice(found, {path}));
  }
  return {path, {}};
}

bool can_resume(const std::filesystem::path& path) {
  return contents_of({path}).can_be_continued();
}

RunDirectory RunDirectory::open(const std::filesystem::path& path) {
  place_to_resume(path);
  return RunDirectory(path);
}

}  // namespace convmae
