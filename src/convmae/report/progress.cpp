#include "convmae/report/progress.h"

#include "convmae/base/quote.h"
#include "convmae/base/utf8.h"
#include "convmae/report/format.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace convmae {
namespace {

constexpr double kRedrawInterval = 0.1;
constexpr std::string_view kEraseLine = "\r\x1b[K";
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kCyan = "\x1b[36m";
constexpr std::string_view kYellow = "\x1b[33m";

/// A piece of the line: a dim name and a value.
struct Part {
  std::string name;
  std::string value;
  std::string_view style;
  int rank = 0;  ///< the highest rank is the first to go when room is short

  std::size_t width() const {
    return name.size() + value.size() + (name.empty() || value.empty() ? 0 : 1);
  }
};

std::string loss_text(double loss) {
  const double magnitude = std::abs(loss);
  const bool ordinary = std::isfinite(loss) && magnitude < 1000 && magnitude >= 1e-3;
  return ordinary ? format_fixed(loss, 4) : format_number(loss, 3);
}

std::string rate_text(double rate) {
  return (rate < 9.95 ? format_fixed(rate, 1) : format_fixed(rate, 0)) + " img/s";
}

std::string eta_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-:--";
  return seconds < 59.5 ? "0:" + std::string(seconds < 9.5 ? "0" : "") + format_fixed(seconds, 0)
                        : format_duration(seconds);
}

std::string fraction(std::int64_t part, std::int64_t whole) {
  return std::to_string(part) + "/" + std::to_string(whole);
}

std::vector<Part> make_parts(const Progress& p) {
  std::string share = format_share(p.data_share);
  share.erase(std::remove(share.begin(), share.end(), ' '), share.end());
  std::string mean = "(";
  mean += loss_text(p.loss_mean);
  mean += ')';
  std::vector<Part> parts = {
      {"epoch", fraction(p.epoch, p.epochs), "", 0},
      {"step", fraction(p.step, p.steps), "", 4},
      {"loss", loss_text(p.loss), kBold, 0},
      {"", mean, "", 6},
      // Always the same number of digits, so that the line does not tremble.
      {"lr", format_scientific(p.lr, 1), "", 5},
      {"", rate_text(p.images_per_second), "", 2},
      {"data", share, p.data_share > 0.1 ? kYellow : std::string_view{}, 3},
      {"ETA", eta_text(p.eta_seconds), "", 1},
  };
  if (p.run_steps > 0) {
    parts[0] = {"step", fraction(p.run_step, p.run_steps), "", 0};
    parts[1] = {"epoch", fraction(p.epoch, p.epochs), "", 4};
  }
  return parts;
}

/// Parts are two blanks apart; the mean in parentheses is one blank after the loss.
std::size_t distance(const std::vector<Part>& parts, std::size_t i) {
  if (i == 0) return 0;
  return parts[i].value.front() == '(' ? 1 : 2;
}

std::size_t total_width(const std::vector<Part>& parts) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) width += parts[i].width() + distance(parts, i);
  return width;
}

std::string bar(double share, std::size_t width, bool colour, bool unicode) {
  const std::size_t halves = static_cast<std::size_t>(
      std::lround(std::clamp(share, 0.0, 1.0) * 2.0 * static_cast<double>(width)));
  std::string text;
  if (colour) text += kCyan;
  for (std::size_t i = 0; i < halves / 2; ++i) text += unicode ? "━" : "=";
  std::size_t used = halves / 2;
  if (halves % 2 == 1) {
    text += unicode ? "╸" : "-";
    ++used;
  }
  if (colour) text += std::string(kPlain) + std::string(kDim);
  const std::string_view rest = !unicode ? "." : colour ? "━" : "─";
  for (; used < width; ++used) text += rest;
  if (colour) text += kPlain;
  return text;
}

double share_done(const Progress& p) {
  if (p.run_steps > 0) return static_cast<double>(p.run_step) / static_cast<double>(p.run_steps);
  if (p.epochs <= 0 || p.steps <= 0) return 0;
  const double epochs_done =
      static_cast<double>(p.epoch - 1) + static_cast<double>(p.step) / static_cast<double>(p.steps);
  return epochs_done / static_cast<double>(p.epochs);
}

}  // namespace

std::string progress_text(const Progress& progress, int columns, bool colour, bool unicode) {
  std::vector<Part> parts = make_parts(progress);
  std::size_t bar_width = 0;
  if (columns > 0) {
    const auto room = static_cast<std::size_t>(columns);
    while (parts.size() > 1 && total_width(parts) > room) {
      const auto least = std::max_element(
          parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.rank < b.rank; });
      parts.erase(least);
    }
    constexpr std::size_t kWidestBar = 24;
    constexpr std::size_t kSlimmestBar = 6;
    const std::size_t width = total_width(parts) + 2;
    if (room >= width + kSlimmestBar) bar_width = std::min(room - width, kWidestBar);
    if (total_width(parts) > room) return "";
  }
  std::string line;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& [name, value, style, rank] = parts[i];
    line.append(distance(parts, i), ' ');
    if (!name.empty()) {
      line += colour ? std::string(kDim) + name + std::string(kPlain) : name;
      if (!value.empty()) line += ' ';
    }
    line += colour && !style.empty() ? std::string(style) + value + std::string(kPlain) : value;
    if (i == 0 && bar_width > 0) {
      line += "  " + bar(share_done(progress), bar_width, colour, unicode);
    }
  }
  return line;
}

ProgressLine::ProgressLine(Terminal terminal, double plain_interval, Clock clock)
    : terminal_(std::move(terminal)),
      interval_(terminal_.interactive ? kRedrawInterval : plain_interval),
      clock_(std::move(clock)),
      last_shown_(-std::numeric_limits<double>::infinity()) {}

ProgressLine::~ProgressLine() { clear(); }

bool ProgressLine::due() {
  const double now = clock_();
  if (now - last_shown_ < interval_) return false;
  last_shown_ = now;
  return true;
}

int ProgressLine::columns() const {
  // One column stays free: in the last one some terminals already begin a new line.
  return terminal_.interactive ? std::max(terminal_.columns() - 1, 1) : 0;
}

void ProgressLine::show(std::string text) {
  if (!terminal_.interactive) {
    terminal_.write(text + "\n");
    return;
  }
  drawn_ = std::move(text);
  terminal_.write(std::string(kEraseLine) + drawn_);
}

void ProgressLine::update(const Progress& progress) {
  const bool last = progress.run_steps > 0
                        ? progress.run_step == progress.run_steps
                        : progress.epoch == progress.epochs && progress.step == progress.steps;
  if (!due() && !last) return;
  show(progress_text(progress, columns(), terminal_.interactive && terminal_.colour,
                     terminal_.interactive && terminal_.unicode));
}

void ProgressLine::update(std::string_view text) {
  if (!due()) return;
  const std::string line = printable(text);
  show(terminal_.interactive ? std::string(utf8_prefix(line, static_cast<std::size_t>(columns())))
                             : line);
}

void ProgressLine::message(std::string_view text) {
  std::string output;
  if (!drawn_.empty()) output += kEraseLine;
  while (true) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    output += printable(text.substr(0, end));
    output += '\n';
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  terminal_.write(output + drawn_);
}

void ProgressLine::clear() {
  if (drawn_.empty()) return;
  drawn_.clear();
  terminal_.write(kEraseLine);
}

double ProgressLine::monotonic_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

}  // namespace convmae
