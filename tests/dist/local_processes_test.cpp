#include "convmae/dist/local_processes.h"

#include "convmae/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/test_files.h"
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace convmae {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LocalProcessesTest : public testing::Test {
 protected:
  /// Two processes that run `script` in the folder of the test.
  LocalProcesses two(const std::string& script, std::chrono::milliseconds grace = 10s) {
    LocalProcesses processes;
    processes.program = "/bin/sh";
    processes.command = {"sh", "-c", "cd '" + folder_.path().string() + "'\n" + script};
    processes.count = 2;
    processes.port = 1234;
    processes.grace = grace;
    processes.tell = [this](const std::string& line) { told_.push_back(line); };
    return processes;
  }

  std::string text(const std::string& name) const { return test::read_text(folder_ / name); }
  void write(const std::string& name, const std::string& content) const {
    test::write_text(folder_ / name, content);
  }
  bool exists(const std::string& name) const { return std::filesystem::exists(folder_ / name); }
  void wait_until_up() const {
    while (!exists("up0") || !exists("up1")) std::this_thread::sleep_for(5ms);
  }
  void wait_until_both_say(const std::string& what) const {
    while (text("0") != what || text("1") != what) std::this_thread::sleep_for(5ms);
  }

  test::TemporaryDirectory folder_;
  std::vector<std::string> told_;
};

/// Runs them in a process of its own that `meanwhile` may do something to, and returns what that
/// ends with: its code, or minus the signal.
int code_of(const LocalProcesses& processes, const std::function<void(pid_t)>& meanwhile) {
  const pid_t launcher = ::fork();
  if (launcher == 0) ::_exit(run_local_processes(processes));
  meanwhile(launcher);
  int status = 0;
  ::waitpid(launcher, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_F(LocalProcessesTest, EachKnowsWhoItIs) {
  ::setenv("WORLD_SIZE", "77", 1);
  ::setenv("TORCHELASTIC_USE_AGENT_STORE", "True", 1);
  const int code = run_local_processes(
      two("echo $RANK $WORLD_SIZE $LOCAL_RANK $LOCAL_WORLD_SIZE $MASTER_ADDR $MASTER_PORT "
          "$TORCHELASTIC_USE_AGENT_STORE >$RANK; env | grep -c '^WORLD_SIZE' >>$RANK"));
  ::unsetenv("WORLD_SIZE");
  ::unsetenv("TORCHELASTIC_USE_AGENT_STORE");
  EXPECT_EQ(code, 0);
  EXPECT_EQ(text("0"), "0 2 0 2 127.0.0.1 1234 False\n1\n");
  EXPECT_EQ(text("1"), "1 2 1 2 127.0.0.1 1234 False\n1\n");
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(LocalProcessesTest, OnlyTheFirstKeepsTheStandardInput) {
  write("input", "hello");
  const int before = ::dup(STDIN_FILENO);
  const int given = ::open((folder_ / "input").c_str(), O_RDONLY | O_CLOEXEC);
  ::dup2(given, STDIN_FILENO);
  ::close(given);
  EXPECT_EQ(run_local_processes(two("cat >$RANK")), 0);
  ::dup2(before, STDIN_FILENO);
  ::close(before);
  EXPECT_EQ(text("0"), "hello");
  EXPECT_EQ(text("1"), "");
}

TEST_F(LocalProcessesTest, TheFirstThatFailsGivesTheCode) {
  EXPECT_EQ(run_local_processes(two("exit $((3 * RANK))")), 3);
  // The other one fails because of it, and later.
  EXPECT_EQ(run_local_processes(two("[ $RANK = 1 ] && exit 2; sleep 0.3; exit 5")), 2);
  EXPECT_THAT(told_, IsEmpty());  // who fails says so
  LocalProcesses none = two("");
  none.program = (folder_ / "none").string();
  EXPECT_EQ(run_local_processes(none), 127);
}

TEST_F(LocalProcessesTest, WhatKilledAProcessIsSaid) {
  EXPECT_EQ(run_local_processes(two("[ $RANK = 1 ] && kill -9 $$; sleep 0.1; exit 2")),
            128 + SIGKILL);
  EXPECT_THAT(told_, ElementsAre("process 1 of 2 was killed by signal 9 (Killed)"));
}

TEST_F(LocalProcessesTest, WhatDoesNotEndIsEnded) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(
      run_local_processes(two(
          "[ $RANK = 1 ] && exit 4; trap 'echo asked >0; exit 0' TERM; sleep 60 & wait", 200ms)),
      4);
  EXPECT_EQ(text("0"), "asked\n");
  EXPECT_THAT(told_, ElementsAre(HasSubstr("within 200 ms: they are ended now")));
  // What it started, and what does not listen.
  EXPECT_EQ(run_local_processes(two(
                "trap '' TERM; [ $RANK = 1 ] && exit 4; sleep 60; echo on >0; sleep 60", 200ms)),
            4);
  EXPECT_EQ(text("0"), "asked\n");
  EXPECT_EQ(told_.size(), 2);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);
}

TEST_F(LocalProcessesTest, OneThatWasAskedToEndHurriesNobody) {
  EXPECT_EQ(run_local_processes(
                two("[ $RANK = 1 ] && exit 143; sleep 1; echo saved >0; exit 143", 100ms)),
            128 + SIGTERM);
  EXPECT_EQ(text("0"), "saved\n");
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(LocalProcessesTest, SignalsArePassedOnOnce) {
  const LocalProcesses processes =
      two("for s in INT TERM USR1 HUP; do trap \"echo $s >>$RANK; n=x\\$n\" $s; done; n=\n"
          "touch $RANK up$RANK; while [ ${#n} -lt 2 ]; do sleep 0.01; done; exit 7");
  const int code = code_of(processes, [this](pid_t launcher) {
    ::setpgid(launcher, launcher);
    wait_until_up();
    ::kill(launcher, SIGTERM);
    wait_until_both_say("TERM\n");
    ::kill(-launcher, SIGUSR1);  // as a shell does it, to its whole group
  });
  EXPECT_EQ(code, 7);
  EXPECT_EQ(text("0"), "TERM\nUSR1\n");
  EXPECT_EQ(text("1"), "TERM\nUSR1\n");
}

TEST_F(LocalProcessesTest, ASignalThatIsPassedOnIsNoNews) {
  LocalProcesses processes = two("touch up$RANK; exec sleep 60");
  processes.tell = [this](const std::string& line) { write("told", line); };
  const int code = code_of(processes, [this](pid_t launcher) {
    wait_until_up();
    ::kill(launcher, SIGINT);
  });
  EXPECT_EQ(code, 128 + SIGINT);
  EXPECT_FALSE(exists("told"));
}

TEST_F(LocalProcessesTest, TheyEndWithTheLauncher) {
  const LocalProcesses processes =
      two("trap 'echo ended >$RANK; exit' TERM; touch up$RANK; while true; do sleep 0.01; done");
  const int code = code_of(processes, [this](pid_t launcher) {
    wait_until_up();
    ::kill(launcher, SIGKILL);
  });
  EXPECT_EQ(code, -SIGKILL);
  wait_until_both_say("ended\n");
}

TEST_F(LocalProcessesTest, TheyStopAndGoOnWithTheLauncher) {
  const LocalProcesses processes =
      two("touch up$RANK; while ! [ -e go ]; do sleep 0.01; echo >>$RANK; done");
  const int code = code_of(processes, [this](pid_t launcher) {
    wait_until_up();
    ::kill(launcher, SIGTSTP);
    int status = 0;
    ::waitpid(launcher, &status, WUNTRACED);
    EXPECT_TRUE(WIFSTOPPED(status));
    std::this_thread::sleep_for(50ms);  // what was under way comes to rest
    const std::string before = text("0") + text("1");
    std::this_thread::sleep_for(200ms);
    EXPECT_EQ(text("0") + text("1"), before);
    write("go", "");
    ::kill(launcher, SIGCONT);
  });
  EXPECT_EQ(code, 0);
}

TEST(FreePort, IsOneThatNobodyListensOn) {
  const std::uint16_t port = free_port();
  EXPECT_EQ(free_port(port), port);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  try {
    free_port(port);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("port " + std::to_string(port) + " is not to be had"));
  }
  ::close(listener);
}

}  // namespace
}  // namespace convmae
