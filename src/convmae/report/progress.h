#pragma once

#include "convmae/report/terminal.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace convmae {

/// Where a run stands. Rates and losses are shown as they are given; smooth them before.
struct Progress {
  std::int64_t epoch = 0;  ///< counted from 1 for people
  std::int64_t epochs = 0;
  std::int64_t step = 0;  ///< finished steps of this epoch
  std::int64_t steps = 0;
  std::int64_t run_step = 0;   ///< of the run
  std::int64_t run_steps = 0;  ///< if the run's length is given in steps, else 0
  double loss = 0;             ///< median of the latest steps
  double loss_mean = 0;        ///< mean of the epoch so far
  double lr = 0;
  double images_per_second = 0;
  double data_share = 0;   ///< share of time spent waiting for data, 0 to 1
  double eta_seconds = 0;  ///< negative or not finite: not known yet
};

/// One line of text about `progress` of at most `columns` columns: what matters least goes first
/// when room is short. `columns` 0 is without limit and without bar.
std::string progress_text(const Progress& progress, int columns, bool colour, bool unicode);

/// The live progress line. On a terminal it is redrawn in place, at most ten times a second;
/// anywhere else a plain line is written now and then, without control characters. Not thread-safe.
class ProgressLine {
 public:
  /// Seconds that only grow.
  using Clock = std::function<double()>;

  /// `plain_interval`: seconds between lines where there is no terminal.
  explicit ProgressLine(Terminal terminal, double plain_interval = 10,
                        Clock clock = monotonic_seconds);
  /// Clears the line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Shows `progress` if it is time to; the last step of the run is always shown.
  void update(const Progress& progress);
  /// Shows another text, as much of it as fits, if it is time to.
  void update(std::string_view text);
  /// Writes text that stays, above the progress line: of one line, or of several with line feeds
  /// between them. Anything else that a terminal would obey is escaped.
  void message(std::string_view text);
  /// Takes the progress line away, so that others can write; the next update brings it back.
  void clear();

  double interval() const { return interval_; }  ///< seconds between two updates
  double seconds() const { return clock_(); }

  static double monotonic_seconds();

 private:
  bool due();
  int columns() const;
  void show(std::string text);

  Terminal terminal_;
  double interval_;
  Clock clock_;
  double last_shown_;
  std::string drawn_;  ///< what stands on the terminal now, empty if nothing
};

}  // namespace convmae
