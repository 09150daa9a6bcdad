#include "convmae/dist/process_group.h"

#include "convmae/base/error.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "support/processes.h"
#include <algorithm>
#include <csignal>
#include <iterator>
#include <optional>

namespace convmae {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

/// What a process that lost others says, and whether it is to say it.
struct Loss {
  std::string what;
  bool tells = false;
};

/// Sums until another process is lost.
Loss sum_until_lost(ProcessGroup& group) {
  try {
    while (true) group.sum(at::ones({4}));
  } catch (const ProcessLost& lost) {
    return {lost.what(), lost.tells()};
  }
}

TEST(ProcessGroup, SumsAndBroadcasts) {
  const auto work = [](ProcessGroup& group) {
    const at::Tensor values = at::full({3}, static_cast<double>(group.rank() + 1), at::kDouble);
    group.sum(values);
    const at::Tensor first = at::full({2}, group.rank(), at::kLong);
    group.broadcast(first);
    const std::string text = group.broadcast(group.is_first() ? std::string("a\0b", 3) : "");
    return at::equal(values, at::full({3}, 6.0, at::kDouble)) &&
           at::equal(first, at::zeros({2}, at::kLong)) && text == std::string("a\0b", 3) &&
           group.broadcast("").empty() && group.size() == 3;
  };
  EXPECT_THAT(run_processes(3, work), Each(0));
}

TEST(ProcessGroup, SumsWithinAPassAreNotMixedUpWithOthers) {
  const auto work = [](ProcessGroup& group) {
    std::vector<at::Tensor> gradients{at::ones({2}, at::kDouble)};
    const at::Tensor values = at::full({3}, 5.0, at::kDouble);
    const auto sum_gradients = [&] { return group.c10d_group()->allreduce(gradients); };
    group.sum_within_pass(at::ones({1}));
    // As two processes may come upon them.
    if (group.is_first()) {
      const auto pending = sum_gradients();
      group.sum_within_pass(values);
      pending->wait();
    } else {
      group.sum_within_pass(values);
      sum_gradients()->wait();
    }
    return at::equal(gradients[0], at::full({2}, 2.0, at::kDouble)) &&
           at::equal(values, at::full({3}, 10.0, at::kDouble));
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

TEST(ProcessGroup, NamesAProcessThatEndsWithinAPass) {
  const auto work = [](ProcessGroup& group) {
    group.sum_within_pass(at::ones({1}));
    if (group.rank() == 1) std::raise(SIGKILL);
    try {
      while (true) group.sum_within_pass(at::ones({4}));
    } catch (const ProcessLost& lost) {
      return std::string(lost.what()).starts_with("process 1 of 3 has ended") &&
             lost.tells() == group.is_first();
    }
  };
  EXPECT_THAT(run_processes(3, work, 1s), ElementsAre(0, -SIGKILL, 0));
}

TEST(ProcessGroup, WhatTheFirstDoesIsDoneOnceForAll) {
  const auto work = [](ProcessGroup& group) {
    const std::string answer =
        group.only_first([&] { return "rank " + std::to_string(group.rank()); });
    try {
      group.only_first([]() -> std::string { throw UserError("no room"); });
    } catch (const UserError& error) {
      return answer == "rank 0" && std::string(error.what()) == "no room";
    }
    return false;
  };
  EXPECT_THAT(run_processes(2, work), Each(0));
}

TEST(ProcessGroup, GathersNumbersAndTexts) {
  const auto work = [](ProcessGroup& group) {
    const std::vector<std::int64_t> numbers = group.all(10 * group.rank() - 5);
    // One of them has nothing to say.
    const std::string own =
        group.rank() == 1 ? "" : std::string(100000, static_cast<char>('a' + group.rank()));
    const std::vector<std::string> texts = group.gather(own);
    const std::vector<std::string> expected{own, "", std::string(100000, 'c')};
    return numbers == std::vector<std::int64_t>{-5, 5, 15} &&
           texts == (group.is_first() ? expected : std::vector<std::string>());
  };
  EXPECT_THAT(run_processes(3, work), Each(0));
}

TEST(ProcessGroup, TextsForTheFirstWaitUntilItReadsThem) {
  const auto work = [](ProcessGroup& group) {
    if (group.rank() == 2) {
      group.post("one");
      group.post("two");
    }
    group.sum(at::ones({1}));
    if (group.is_first()) {
      const bool well = group.posted() == std::vector<std::string>{"one", "two"};
      return well && group.posted().empty();
    }
    return true;
  };
  EXPECT_THAT(run_processes(3, work), Each(0));
}

TEST(ProcessGroup, OneOfThemTellsAnErrorThatAllHave) {
  const auto work = [](ProcessGroup& group) {
    const bool tells = group.leave_with_error();
    // Connections are closed by then: what they know is in the store.
    group.post(tells ? "I" : "another");
    if (!group.is_first()) return true;
    std::vector<std::string> told;
    while (told.size() < 3) std::ranges::move(group.posted(), std::back_inserter(told));
    return std::ranges::count(told, "I") == 1;
  };
  EXPECT_THAT(run_processes(3, work), Each(0));
}

TEST(ProcessGroup, NamesAProcessThatWasKilled) {
  const auto work = [](ProcessGroup& group) {
    group.sum(at::ones({1}));
    if (group.rank() == 1) std::raise(SIGKILL);
    const Loss loss = sum_until_lost(group);
    // One of the others says it.
    return loss.what.starts_with("process 1 of 3 has ended") && loss.tells == group.is_first();
  };
  EXPECT_THAT(run_processes(3, work, 1s), ElementsAre(0, -SIGKILL, 0));
}

TEST(ProcessGroup, NamesTheFirstWhenTheMeetingPlaceIsGone) {
  const auto work = [](ProcessGroup& group) {
    group.sum(at::ones({1}));
    if (group.is_first()) std::raise(SIGKILL);
    const Loss loss = sum_until_lost(group);
    return loss.what.starts_with("process 0 of 3 has ended") && loss.tells == (group.rank() == 1);
  };
  EXPECT_THAT(run_processes(3, work, 1s), ElementsAre(-SIGKILL, 0, 0));
}

TEST(ProcessGroup, NamesAProcessThatIsSilent) {
  const auto work = [](ProcessGroup& group) {
    if (group.rank() == 1) {
      std::this_thread::sleep_for(3s);
      return true;
    }
    return sum_until_lost(group).what.starts_with("process 1 of 2 has ended or does not answer");
  };
  EXPECT_THAT(run_processes(2, work, 1s), Each(0));
}

TEST(ProcessGroup, SaysNothingWhereTheOtherHasSpoken) {
  const auto work = [](ProcessGroup& group) {
    if (group.rank() == 1) {
      group.leave_with_error();
      return true;
    }
    return !sum_until_lost(group).tells;
  };
  EXPECT_THAT(run_processes(2, work, 1s), Each(0));
}

TEST(ProcessGroup, SaysWhereTheOthersWereNotFound) {
  Launch launch{"test", 1, 2, 1, 2, "127.0.0.1", free_port(), false};
  try {
    const ProcessGroup group(launch, 300ms);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("process 0 was not to be found at 127.0.0.1:"));
  }
  launch.rank = 0;
  launch.local_rank = 0;
  try {
    const ProcessGroup group(launch, 300ms);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the 2 processes did not all meet"));
  }
}

}  // namespace
}  // namespace convmae
