#include "convmae/io/atomic_file.h"

#include "convmae/base/error.h"

#include <climits>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_files.h"
#include <csignal>
#include <functional>
#include <signal.h>
#include <string>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace convmae {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Property;
using ::testing::ThrowsMessage;

auto throws_user_error(const std::string& reason) {
  return ThrowsMessage<UserError>(AllOf(HasSubstr(reason), Not(HasSubstr("\n"))));
}

/// Lowers the largest size of a file that this process may write, for as long as the object lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit lowered{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &lowered);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

TEST(AtomicFile, AppearsOnlyWithCommit) {
  const test::TemporaryDirectory directory;
  AtomicFile file(directory / "a.txt");
  file.write("hello ");
  file.write("world");
  EXPECT_EQ(file.size(), 11);
  EXPECT_FALSE(std::filesystem::exists(directory / "a.txt"));
  file.commit();
  EXPECT_EQ(test::read_text(directory / "a.txt"), "hello world");
  EXPECT_EQ(test::listing(directory.path()), "a.txt");
}

TEST(AtomicFile, WritesLargeAndSmallPiecesInOrder) {
  const test::TemporaryDirectory directory;
  std::string expected;
  AtomicFile file(directory / "a.bin");
  for (const std::size_t size : {5U, 3'000'000U, 1U, 1'048'576U, 1'048'575U, 70'000U}) {
    const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
    file.write(piece);
    expected += piece;
  }
  file.commit();
  EXPECT_EQ(test::read_text(directory / "a.bin"), expected);
}

TEST(AtomicFile, WithoutCommitLeavesTheOldFileAndNothingElse) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "a.txt", "old");
  {
    AtomicFile file(directory / "a.txt");
    file.write("new");
  }
  EXPECT_EQ(test::read_text(directory / "a.txt"), "old");
  EXPECT_EQ(test::listing(directory.path()), "a.txt");
}

TEST(AtomicFile, ReplacesAnExistingFile) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "a.txt", "old");
  write_file_atomically(directory / "a.txt", "new");
  EXPECT_EQ(test::read_text(directory / "a.txt"), "new");
}

TEST(AtomicFile, FileSizeLimitIsAnErrorThatLeavesTheOldFile) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "a.txt", "old");
  {
    const FileSizeLimit limit(4096);
    EXPECT_THAT([&] { write_file_atomically(directory / "a.txt", std::string(5'000'000, 'x')); },
                throws_user_error("ulimit -f"));
    EXPECT_THAT([&] { write_file_atomically(directory / "a.txt", std::string(5000, 'x')); },
                throws_user_error("ulimit -f"));
  }
  EXPECT_EQ(test::read_text(directory / "a.txt"), "old");
  EXPECT_EQ(test::listing(directory.path()), "a.txt");
}

TEST(AtomicFile, FullDiskIsAnErrorThatLeavesTheOldFile) {
  const test::TemporaryDirectory directory;
  if (::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
    GTEST_SKIP() << "mounting a small file system needs root";
  }
  test::write_text(directory / "a.txt", "old");
  EXPECT_THAT([&] { write_file_atomically(directory / "a.txt", std::string(5'000'000, 'x')); },
              throws_user_error("No space left on device"));
  EXPECT_EQ(test::read_text(directory / "a.txt"), "old");
  EXPECT_EQ(test::listing(directory.path()), "a.txt");
  EXPECT_EQ(::umount(directory.path().c_str()), 0);
}

TEST(AtomicFile, RefusesWhatIsNotAFile) {
  const test::TemporaryDirectory directory;
  EXPECT_THAT([&] { AtomicFile file(directory.path()); }, throws_user_error("not a regular file"));
  EXPECT_THAT([&] { AtomicFile file("/dev/null"); }, throws_user_error("not a regular file"));
  EXPECT_THAT([&] { AtomicFile file(directory / "none/a.txt"); },
              throws_user_error("No such file or directory"));
}

TEST(AtomicFile, TemporariesOfKilledProcessesAreRemovedAndOthersKept) {
  const test::TemporaryDirectory directory;
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      AtomicFile file(directory / std::to_string(i));
      file.write(std::string(2'000'000, 'x'));
      ::raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  test::write_text(directory / ".hidden", "not ours");
  test::write_text(directory / ".notes.convmae-tmp", "not ours");
  test::write_text(directory / ".2.1.convmae-tmp", "not ours");
  ASSERT_EQ(::mkfifo((directory / ".a.1.1.convmae-tmp").c_str(), 0600), 0);
  AtomicFile alive(directory / "b.txt");
  alive.write("x");
  EXPECT_EQ(remove_abandoned_temporaries(directory.path()), 3);
  EXPECT_EQ(remove_abandoned_temporaries(directory.path()), 0);
  alive.commit();
  EXPECT_EQ(test::listing(directory.path()),
            ".2.1.convmae-tmp .a.1.1.convmae-tmp .hidden .notes.convmae-tmp b.txt");
}

/// What a process leaves that is writing "a.txt" when `signal` arrives, and how it ends.
struct Ended {
  std::string left;
  int signal = 0;
};

Ended end_by(int signal, const std::function<void()>& prepare) {
  const test::TemporaryDirectory directory;
  const pid_t child = ::fork();
  if (child == 0) {
    prepare();
    AtomicFile done(directory / "done.txt");
    done.commit();
    AtomicFile file(directory / "a.txt");
    file.write(std::string(2'000'000, 'x'));
    AtomicFile other(directory / "b.txt");
    ::raise(signal);
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return {test::listing(directory.path()), WIFSIGNALED(status) ? WTERMSIG(status) : 0};
}

TEST(AtomicFile, SignalsThatEndTheProcessLeaveNoTemporaries) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGXCPU}) {
    const Ended ended = end_by(signal, remove_temporaries_on_signals);
    EXPECT_EQ(ended.left, "done.txt");
    EXPECT_EQ(ended.signal, signal);
  }
}

TEST(AtomicFile, SignalsThatAreIgnoredStaySo) {
  const Ended ended = end_by(SIGHUP, [] {
    std::signal(SIGHUP, SIG_IGN);
    remove_temporaries_on_signals();
  });
  EXPECT_EQ(ended.signal, 0);
}

TEST(AtomicFile, RemovesWhatAKilledProcessLeftOfTheSameTarget) {
  const test::TemporaryDirectory directory;
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(directory / "a.txt");
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  write_file_atomically(directory / "b.txt", "");
  EXPECT_THAT(test::listing(directory.path()), HasSubstr(".a.txt."));
  write_file_atomically(directory / "a.txt", "");
  EXPECT_EQ(test::listing(directory.path()), "a.txt b.txt");
}

TEST(AtomicFile, NamesMayBeAsLongAsFileSystemsTakeThem) {
  const test::TemporaryDirectory directory;
  const std::string longest(NAME_MAX, 'n');
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(directory / longest);
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  write_file_atomically(directory / longest, "text");
  EXPECT_EQ(test::listing(directory.path()), longest);
  EXPECT_THAT([&] { require_writable(directory / (longest + "n")); },
              throws_user_error("File name too long"));
}

TEST(AtomicFile, RefusesLinksToOpenStreams) {
  const test::TemporaryDirectory directory;
  std::filesystem::create_symlink("/proc/self/fd/0", directory / "stream");
  EXPECT_THAT([&] { AtomicFile file(directory / "stream"); }, throws_user_error("stream"));
}

TEST(RequireWritable, LooksAndLeavesNothing) {
  const test::TemporaryDirectory directory;
  test::write_text(directory / "a", "mine");
  require_writable(directory / "a");
  require_writable(directory / "b");
  require_writable_directory(directory / "c" / "d");
  EXPECT_EQ(test::listing(directory.path()), "a");
  EXPECT_EQ(test::read_text(directory / "a"), "mine");
  EXPECT_THAT([&] { require_writable(directory / "c" / "d"); }, throws_user_error("No such file"));
  EXPECT_THAT([&] { require_writable_directory(directory / "a" / "d"); },
              throws_user_error("Not a directory"));
  EXPECT_THAT([&] { require_writable_directory(directory / "a"); },
              throws_user_error("Not a directory"));
}

TEST(RequireAbsent, RefusesWhatIsThereAndLinksThatLeadNowhere) {
  const test::TemporaryDirectory directory;
  require_absent(directory / "a", "--out");
  test::write_text(directory / "a", "");
  std::filesystem::create_symlink("nowhere", directory / "b");
  for (const char* const name : {"a", "b"}) {
    EXPECT_THAT([&] { require_absent(directory / name, "--out"); }, throws_user_error("--out"));
  }
}

}  // namespace
}  // namespace convmae
