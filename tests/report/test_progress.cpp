#include "convmae/report/image_progress.h"
#include "convmae/report/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Progress sample() {
  Progress progress;
  progress.epoch = 3;
  progress.epochs = 40;
  progress.step = 120;
  progress.steps = 390;
  progress.loss = 0.43124;
  progress.loss_mean = 0.44012;
  progress.lr = 1.2e-4;
  progress.images_per_second = 213.4;
  progress.data_share = 0.004;
  progress.eta_seconds = 272;
  return progress;
}

/// Columns that `text` takes on a terminal: characters less colour sequences.
int columns_of(const std::string& text) {
  int columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      i = text.find('m', i);
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) {
      ++columns;
    }
  }
  return columns;
}

/// A terminal that remembers what it was sent, and a clock that is set by hand.
struct Screen {
  std::string output;
  int columns = 120;
  double now = 100;

  Terminal terminal(bool interactive, bool colour = false, bool unicode = false) {
    Terminal result;
    result.write = [this](std::string_view text) { output += text; };
    result.columns = [this] { return columns; };
    result.interactive = interactive;
    result.colour = colour;
    result.unicode = unicode;
    return result;
  }
  ProgressLine::Clock clock() {
    return [this] { return now; };
  }
  std::string take() { return std::exchange(output, ""); }
};

TEST(ProgressText, SaysEverythingThatThereIsRoomFor) {
  EXPECT_EQ(progress_text(sample(), 0, false, false),
            "epoch 3/40  step 120/390  loss 0.4312 (0.4401)  lr 1.2e-04  213 img/s  data 0.4%  "
            "ETA 4:32");
}

TEST(ProgressText, NeverWiderThanTheTerminal) {
  for (int columns = 1; columns <= 200; ++columns) {
    for (const bool fancy : {false, true}) {
      EXPECT_LE(columns_of(progress_text(sample(), columns, fancy, fancy)), columns) << columns;
    }
  }
}

TEST(ProgressText, DropsTheLeastImportantFirst) {
  const auto text = [](int columns) { return progress_text(sample(), columns, false, false); };
  EXPECT_EQ(
      text(90),
      "epoch 3/40  step 120/390  loss 0.4312 (0.4401)  lr 1.2e-04  213 img/s  data 0.4%  ETA 4:32");
  EXPECT_EQ(text(81),
            "epoch 3/40  step 120/390  loss 0.4312  lr 1.2e-04  213 img/s  data 0.4%  ETA 4:32");
  EXPECT_EQ(text(69), "epoch 3/40  step 120/390  loss 0.4312  213 img/s  data 0.4%  ETA 4:32");
  EXPECT_EQ(text(55), "epoch 3/40  loss 0.4312  213 img/s  data 0.4%  ETA 4:32");
  EXPECT_EQ(text(44), "epoch 3/40  loss 0.4312  213 img/s  ETA 4:32");
  EXPECT_EQ(text(33), "epoch 3/40  loss 0.4312  ETA 4:32");
  EXPECT_EQ(text(23), "epoch 3/40  loss 0.4312");
}

TEST(ProgressText, BarFillsWithTheRun) {
  Progress progress = sample();
  progress.epochs = 2;
  progress.steps = 100;
  progress.epoch = 1;
  progress.step = 0;
  EXPECT_THAT(progress_text(progress, 140, false, false),
              HasSubstr("  ........................  "));
  progress.step = 100;
  EXPECT_THAT(progress_text(progress, 140, false, false),
              HasSubstr("  ============............  "));
  progress.epoch = 2;
  EXPECT_THAT(progress_text(progress, 140, false, false),
              HasSubstr("  ========================  "));
  EXPECT_THAT(progress_text(progress, 140, false, true), HasSubstr("━━━━━━━━━━━━━━━━━━━━━━━━"));
}

TEST(ProgressText, CountsTheStepsOfARunThatIsGivenInThem) {
  Progress progress = sample();
  progress.run_steps = 160000;
  progress.run_step = 40000;
  EXPECT_THAT(progress_text(progress, 0, false, false),
              StartsWith("step 40000/160000  epoch 3/40  loss 0.4312"));
  EXPECT_THAT(progress_text(progress, 140, false, false),
              HasSubstr("  ======..................  "));
  EXPECT_THAT(progress_text(progress, 30, false, false), StartsWith("step 40000/160000"));
}

TEST(ProgressText, OddValuesStayReadable) {
  Progress progress = sample();
  progress.loss = NAN;
  progress.loss_mean = 12345;
  progress.eta_seconds = INFINITY;
  progress.images_per_second = 0.52;
  const std::string text = progress_text(progress, 0, false, false);
  EXPECT_THAT(text, HasSubstr("loss nan (12345)"));
  EXPECT_THAT(text, HasSubstr("ETA -:--"));
  EXPECT_THAT(text, HasSubstr("0.5 img/s"));
  progress.eta_seconds = 7.2;
  EXPECT_THAT(progress_text(progress, 0, false, false), HasSubstr("ETA 0:07"));
}

TEST(ProgressLine, OnATerminalItIsRedrawnInPlace) {
  Screen screen;
  ProgressLine line(screen.terminal(true), 10, screen.clock());
  line.update(sample());
  EXPECT_EQ(screen.take(), "\r\x1b[K" + progress_text(sample(), 119, false, false));
}

TEST(ProgressLine, AtMostTenTimesASecond) {
  Screen screen;
  ProgressLine line(screen.terminal(true), 10, screen.clock());
  int drawn = 0;
  for (int i = 0; i < 1000; ++i) {
    screen.now = 100 + i * 0.001;
    line.update(sample());
    if (!screen.take().empty()) ++drawn;
  }
  EXPECT_EQ(drawn, 10);
}

TEST(ProgressLine, FollowsTheWidthOfTheTerminal) {
  Screen screen;
  ProgressLine line(screen.terminal(true, true, true), 10, screen.clock());
  for (const int columns : {200, 80, 40, 10}) {
    screen.columns = columns;
    screen.now += 1;
    line.update(sample());
    const std::string text = screen.take();
    ASSERT_THAT(text, StartsWith("\r\x1b[K"));
    EXPECT_LT(columns_of(text.substr(4)), columns);
  }
}

TEST(ProgressLine, GivesWayToOtherOutputAndComesBack) {
  Screen screen;
  ProgressLine line(screen.terminal(true), 10, screen.clock());
  line.update(sample());
  const std::string drawn = screen.take().substr(4);
  line.message("saved checkpoint");
  EXPECT_EQ(screen.take(), "\r\x1b[Ksaved checkpoint\n" + drawn);
  line.clear();
  EXPECT_EQ(screen.take(), "\r\x1b[K");
  line.clear();
  EXPECT_EQ(screen.take(), "") << "there is nothing left to clear";
  line.message("done");
  EXPECT_EQ(screen.take(), "done\n");
}

TEST(ProgressLine, EscapesWhatTextMakesATerminalDo) {
  Screen screen;
  ProgressLine line(screen.terminal(true), 10, screen.clock());
  line.message("replaced \x1b[2Ja\xe9.png\rdone\nof 漢字\u202E");
  EXPECT_EQ(screen.take(), "replaced \\x1b[2Ja\\xe9.png\\x0ddone\nof 漢字\\u{202e}\n");
  screen.columns = 8;
  line.update("\x1b漢字漢字");
  EXPECT_EQ(screen.take(), "\r\x1b[K\\x1b漢") << "cut to 7 bytes";
}

TEST(ProgressLine, IsClearedAtTheEnd) {
  Screen screen;
  {
    ProgressLine line(screen.terminal(true), 10, screen.clock());
    line.update(sample());
    screen.take();
  }
  EXPECT_EQ(screen.take(), "\r\x1b[K");
}

TEST(ProgressLine, WithoutTerminalPlainLinesNowAndThen) {
  Screen screen;
  ProgressLine line(screen.terminal(false, false, true), 5, screen.clock());
  std::string all;
  for (int i = 0; i < 120; ++i) {
    screen.now = 100 + i * 0.1;
    line.update(sample());
    all += screen.take();
  }
  const std::string expected = progress_text(sample(), 0, false, false) + "\n";
  EXPECT_EQ(all, expected + expected + expected) << "at 0, 5 and 10 seconds";
  line.message("saved");
  line.clear();
  EXPECT_EQ(screen.take(), "saved\n");
}

TEST(ProgressLine, TheLastStepIsAlwaysShown) {
  Screen screen;
  ProgressLine line(screen.terminal(false), 5, screen.clock());
  line.update(sample());
  screen.take();
  Progress last = sample();
  last.epoch = last.epochs;
  last.step = last.steps;
  line.update(last);
  EXPECT_THAT(screen.take(), HasSubstr("epoch 40/40  step 390/390"));
  last = sample();
  last.run_steps = last.run_step = 900;
  line.update(last);
  EXPECT_THAT(screen.take(), HasSubstr("step 900/900"));
}

TEST(ProgressLine, WithoutColourNoColourSequences) {
  Screen screen;
  ProgressLine line(screen.terminal(true, false, true), 10, screen.clock());
  line.update(sample());
  EXPECT_THAT(screen.take().substr(4), Not(HasSubstr("\x1b")));
}

TEST(Terminal, NoColorIsHonoured) {
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(standard_error().colour);
  ::unsetenv("NO_COLOR");
}

TEST(ProgressLine, OtherTextsAreCutToTheTerminal) {
  Screen screen;
  ProgressLine line(screen.terminal(true), 10, screen.clock());
  screen.columns = 10;
  line.update("0123456789");
  EXPECT_EQ(screen.take(), "\r\x1b[K012345678");
  line.update("too soon");
  EXPECT_EQ(screen.take(), "");
}

TEST(ImageProgress, ShowsWhatTakesLongerThanAnInterval) {
  Screen screen;
  ProgressLine line(screen.terminal(false), 10, screen.clock());
  {
    ImageProgress progress(line, 5000, "held-out images");
    screen.now += 9;
    progress.update(90);
    EXPECT_EQ(screen.take(), "");
    screen.now += 3;
    progress.update(120);
    EXPECT_EQ(screen.take(), "120 of 5000 held-out images, 10 images/s\n");
  }
  EXPECT_EQ(screen.take(), "");
}

TEST(ImageProgress, TakesItsLineAway) {
  Screen screen;
  ProgressLine line(screen.terminal(true), 10, screen.clock());
  {
    ImageProgress progress(line, 5000, "held-out images");
    screen.now += 2;
    progress.update(100);
    EXPECT_EQ(screen.take(), "\r\x1b[K100 of 5000 held-out images, 50 images/s");
  }
  EXPECT_EQ(screen.take(), "\r\x1b[K");
}

}  // namespace
}  // namespace convmae
