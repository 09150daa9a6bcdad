#include "convmae/base/read_file.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace convmae {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr FileKind kNote{"a note", 20};
constexpr std::uintmax_t kFiftyGigabytes = 50'000'000'000;

/// A directory with files, and with things that only look like files.
class ReadFile : public testing::Test {
 protected:
  ReadFile() {
    std::string name = (fs::temp_directory_path() / "convmae-base-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~ReadFile() override { fs::remove_all(directory_); }

  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name, std::ios::binary) << text;
    return directory_ / name;
  }
  fs::path pipe() const {
    ::mkfifo((directory_ / "pipe").c_str(), 0666);
    return directory_ / "pipe";
  }
  fs::path socket() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const fs::path path = directory_ / "socket";
    path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
    const FileDescriptor opened(::socket(AF_UNIX, SOCK_STREAM, 0));
    EXPECT_EQ(::bind(opened.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return path;
  }
  fs::path link_to(const std::string& target) const {
    fs::create_symlink(target, directory_ / "link");
    return directory_ / "link";
  }
  fs::path sparse(const std::string& beginning) const {
    const fs::path path = write("sparse", beginning);
    fs::resize_file(path, kFiftyGigabytes);
    return path;
  }

  fs::path directory_;
};

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  for_each_line(path, [&lines](std::string_view line) { lines.emplace_back(line); });
  return lines;
}

TEST_F(ReadFile, OpensRegularFilesAlone) {
  const auto refuses = [](const fs::path& path, const std::string& reason) {
    EXPECT_THAT([&] { open_for_reading(path); }, ThrowsMessage<UserError>(HasSubstr(reason)));
    EXPECT_THAT([&] { open_for_appending(path); }, ThrowsMessage<UserError>(HasSubstr(reason)));
  };
  refuses(pipe(), "expected a regular file, found a named pipe");
  refuses(socket(), "expected a regular file, found a socket");
  refuses("/dev/zero", "expected a regular file, found a device");
  refuses(link_to("/dev/zero"), "expected a regular file, found a device");
  refuses(directory_, "Is a directory");
  EXPECT_THAT([&] { open_for_reading(directory_ / "none"); },
              ThrowsMessage<UserError>(HasSubstr("No such file or directory; check the path")));
}

TEST_F(ReadFile, SaysThatPermissionsAreMissing) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const fs::path path = write("locked", "text");
  fs::permissions(path, fs::perms::none);
  EXPECT_THAT([&] { open_for_reading(path); },
              ThrowsMessage<UserError>(HasSubstr("Permission denied; check its permissions")));
}

TEST_F(ReadFile, AppendsToANewFileAndToAnOldOne) {
  for (const std::string text : {"one", "two"}) {
    const FileDescriptor file = open_for_appending(directory_ / "log");
    write_all(file.get(), std::as_bytes(std::span(text)), directory_ / "log");
  }
  EXPECT_EQ(read_text_file(directory_ / "log", kNote), "onetwo");
}

TEST_F(ReadFile, ReadsWholeFilesUpToTheLimitOfTheirKind) {
  EXPECT_THAT(read_whole_file(write("bytes", std::string("a\0b", 3)), kNote),
              ElementsAre('a', 0, 'b'));
  const fs::path longest = write("longest", std::string(20, 'x'));
  EXPECT_EQ(read_whole_file(longest, kNote).size(), 20);
  EXPECT_EQ(read_text_file(longest, kNote), std::string(20, 'x'));
  const std::string refusal = "expected a note of at most 20 bytes, found 21";
  const fs::path longer = write("longer", std::string(21, 'x'));
  EXPECT_THAT([&] { read_whole_file(longer, kNote); },
              ThrowsMessage<UserError>(HasSubstr(refusal)));
  EXPECT_THAT([&] { read_text_file(longer, kNote); }, ThrowsMessage<UserError>(HasSubstr(refusal)));
}

TEST_F(ReadFile, TextHasNoZeroBytes) {
  EXPECT_THAT([&] { read_text_file(write("binary", std::string("a\0b", 3)), kNote); },
              ThrowsMessage<UserError>(HasSubstr("expected a note, found binary data")));
}

TEST_F(ReadFile, AHoleOfFiftyGigabytesTakesNoMemory) {
  const fs::path path = sparse("a line\nand then nothing");
  constexpr FileKind kAnything{"anything", INT64_MAX};
  EXPECT_THROW(read_whole_file(path, kNote), UserError);
  EXPECT_THROW(read_text_file(path, kAnything), UserError);
  EXPECT_THAT([&] { lines_of(path); },
              ThrowsMessage<UserError>(HasSubstr("bytes without an end of line")));
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  EXPECT_LT(usage.ru_maxrss, 600'000) << "kilobytes";
}

TEST_F(ReadFile, CallsForEveryLine) {
  const std::string wide(600'000, 'w');  // over several pieces
  EXPECT_THAT(lines_of(write("lines", "one\n\n" + wide + "\nlast")),
              ElementsAre("one", "", wide, "last"));
  EXPECT_THAT(lines_of(write("ended", "one\n")), ElementsAre("one"));
  EXPECT_THAT(lines_of(write("empty", "")), ElementsAre());
}

TEST_F(ReadFile, ReadsAPartAndLessAtTheEnd) {
  const fs::path path = write("digits", "0123456789");
  const FileDescriptor file = open_for_reading(path);
  std::string out(4, ' ');
  EXPECT_EQ(read_at(file, 3, std::as_writable_bytes(std::span(out)), path), 4);
  EXPECT_EQ(out, "3456");
  EXPECT_EQ(read_at(file, 8, std::as_writable_bytes(std::span(out)), path), 2);
  EXPECT_EQ(out.substr(0, 2), "89");
  EXPECT_EQ(read_at(file, 11, std::as_writable_bytes(std::span(out)), path), 0);
}

}  // namespace
}  // namespace convmae
