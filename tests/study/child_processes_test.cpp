#include "convmae/study/child_processes.h"

#include "convmae/base/error.h"

#include <gtest/gtest.h>

#include "io/test_files.h"
#include <csignal>
#include <string>
#include <unistd.h>
#include <vector>

namespace convmae {
namespace {

ChildCommand shell(const test::TemporaryDirectory& directory, const std::string& text,
                   const std::string& name = "out") {
  return {{"sh", "-c", text}, directory / name, directory / "errors"};
}

TEST(ChildProcesses, SayHowTheyEndedAndWhatTheyPrinted) {
  const test::TemporaryDirectory directory;
  ChildProcesses processes;
  std::vector<int> codes;
  const auto note = [&codes](const ChildEnd& end) { codes.push_back(end.code); };
  processes.start(shell(directory, "echo one; echo two >&2"), note);
  while (processes.running() > 0) processes.wait();
  processes.start(shell(directory, "echo three >&2; exit 3"), note);
  while (processes.running() > 0) processes.wait();
  processes.start(shell(directory, "kill -KILL $$", "other"), note);
  while (processes.running() > 0) processes.wait();
  processes.start({{"/no/such/program"}, directory / "other", directory / "errors"}, note);
  while (processes.running() > 0) processes.wait();
  EXPECT_EQ(codes, (std::vector<int>{0, 3, 128 + SIGKILL, 127}));
  EXPECT_EQ(test::read_text(directory / "out"), "");  // of the second
  EXPECT_EQ(test::read_text(directory / "errors"), "two\nthree\n");
  EXPECT_EQ(processes.asked_to_end(), 0);
}

TEST(ChildProcesses, RunBesideEachOther) {
  const test::TemporaryDirectory directory;
  ChildProcesses processes;
  int ended = 0;
  const auto note = [&ended](const ChildEnd& end) { ended += end.code == 0 ? 1 : 0; };
  // Each waits for what the other one makes.
  processes.start(shell(directory, "mkfifo '" + (directory / "pipe").string() +
                                       "' && echo now > '" + (directory / "pipe").string() + "'"),
                  note);
  processes.start(shell(directory,
                        "until [ -p '" + (directory / "pipe").string() +
                            "' ]; do sleep 0.01; done; cat '" + (directory / "pipe").string() + "'",
                        "heard"),
                  note);
  EXPECT_EQ(processes.running(), 2U);
  while (processes.running() > 0) processes.wait();
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(test::read_text(directory / "heard"), "now\n");
}

TEST(ChildProcesses, HearASignalThatAsksForAnEnd) {
  const test::TemporaryDirectory directory;
  ChildProcesses processes;
  int code = -1;
  const std::string ready = (directory / "ready").string();
  processes.start(
      shell(directory, "trap 'exit 5' TERM; touch '" + ready + "'; while :; do sleep 0.01; done"),
      [&code](const ChildEnd& end) { code = end.code; });
  while (::access(ready.c_str(), F_OK) != 0) ::usleep(1000);
  ::kill(::getpid(), SIGTERM);
  processes.wait();
  EXPECT_EQ(processes.asked_to_end(), SIGTERM);
  while (processes.running() > 0) processes.wait();
  EXPECT_EQ(code, 5);
}

TEST(ChildProcesses, NameAFileThatCannotBeWritten) {
  const test::TemporaryDirectory directory;
  ChildProcesses processes;
  EXPECT_THROW(processes.start({{"true"}, directory.path(), directory / "errors"}, nullptr),
               UserError);
}

}  // namespace
}  // namespace convmae
