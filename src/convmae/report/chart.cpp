#include "convmae/report/chart.h"

#include "convmae/base/json_text.h"
#include "convmae/report/axis.h"
#include "convmae/report/format.h"
#include "convmae/report/html.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

namespace convmae {
namespace {

/// Measures of the drawing, in the units of its view box.
struct Frame {
  double width = 0;
  double height = 0;
  double left = 54;
  double right = 20;
  double top = 12;
  double bottom = 38;
  int x_ticks = 0;
  int y_ticks = 0;
  std::size_t max_points = 0;

  double plot_width() const { return width - left - right; }
  double plot_height() const { return height - top - bottom; }
};

constexpr Frame kWide{
    .width = 1080, .height = 340, .x_ticks = 10, .y_ticks = 6, .max_points = 2000};
constexpr Frame kHalf{.width = 530, .height = 250, .x_ticks = 6, .y_ticks = 5, .max_points = 1000};

/// From this ratio of the largest to the smallest value on an automatic axis is logarithmic.
constexpr double kLogarithmicFrom = 8;

/// Values beyond this would overflow in the arithmetic of the axes; they are treated as gaps.
bool drawable(double value) { return std::abs(value) <= 1e100; }

std::string colour_class(int colour) {
  std::string name = "c";
  name += std::to_string(colour);
  return name;
}

std::string coordinate(double value) { return format_fixed(value, 1); }

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

class Plot {
 public:
  Plot(const Chart& chart, const Frame& frame, std::vector<Series> series, Range xs, Range ys)
      : chart_(chart),
        frame_(frame),
        series_(std::move(series)),
        x_axis_(make_x_axis(xs)),
        y_axis_(make_y_axis(chart, ys)) {}

  std::string svg() const {
    std::string text = concat({"<svg viewBox=\"0 0 ", format_fixed(frame_.width, 0), " ",
                               format_fixed(frame_.height, 0), R"(" role="img" aria-label=")",
                               escape_html(chart_.title), "\">", axes()});
    for (const Mark mark : {Mark::faint, Mark::line, Mark::dots}) {
      for (const Series& series : series_) {
        if (series.mark == mark) text += curve(series);
      }
    }
    text += baselines();
    text += "<g class=\"hover\"></g></svg>";
    return text;
  }

  /// What the script needs to read values off under the pointer.
  std::string json() const {
    nlohmann::ordered_json data;
    data["box"] = {frame_.width, frame_.height, frame_.left,
                   frame_.right, frame_.top,    frame_.bottom};
    data["x"] = {x_axis_.low(), x_axis_.high()};
    data["y"] = {y_axis_.low(), y_axis_.high()};
    data["log"] = y_axis_.logarithmic();
    data["percent"] = chart_.percent;
    data["label"] = chart_.x_label;
    for (const Series& series : series_) {
      data["series"].push_back({{"name", series.name},
                                {"colour", series.colour},
                                {"x", rounded(series.x)},
                                {"y", rounded(series.y)}});
    }
    return json_text(data);
  }

 private:
  static Axis make_x_axis(Range xs) {
    // The first step is not quite zero, but people look for zero.
    const bool near_zero = xs.low > 0 && xs.low < 0.05 * xs.high;
    return {near_zero ? 0 : xs.low, xs.high, false};
  }

  static Axis make_y_axis(const Chart& chart, Range ys) {
    const bool large = !chart.from_zero && ys.low > 0 && ys.high >= kLogarithmicFrom * ys.low;
    const bool logarithmic = ys.low > 0 && (chart.y_scale == AxisScale::logarithmic ||
                                            (chart.y_scale == AxisScale::automatic && large));
    if (logarithmic) {
      const double room = std::pow(ys.high / ys.low, 0.04);
      return {ys.low / room, ys.high * room, true};
    }
    if (chart.from_zero) ys.include(0);
    const double room = 0.05 * (ys.high - ys.low);
    const bool at_zero = chart.from_zero && ys.low == 0;
    return {at_zero ? 0 : ys.low - room, ys.high + room, false};
  }

  /// Six digits are enough to read off and keep the page small.
  static nlohmann::ordered_json rounded(const std::vector<double>& values) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const double value : values) {
      if (drawable(value)) {
        list.push_back(std::strtod(format_number(value, 6).c_str(), nullptr));
      } else {
        list.push_back(nullptr);
      }
    }
    return list;
  }

  double x(double value) const {
    return frame_.left + x_axis_.position(value) * frame_.plot_width();
  }
  double y(double value) const {
    return frame_.top + (1 - y_axis_.position(value)) * frame_.plot_height();
  }

  std::string axes() const {
    const double bottom = frame_.height - frame_.bottom;
    const double right = frame_.width - frame_.right;
    std::string lines;
    std::string labels;
    const std::vector<double> rows = y_axis_.ticks(frame_.y_ticks);
    const std::vector<std::string> row_labels = tick_labels(rows, chart_.percent);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      lines += horizontal(y(rows[i]));
      labels += label("end", frame_.left - 8, y(rows[i]) + 4, row_labels[i]);
    }
    std::string axis = horizontal(bottom);
    const std::vector<double> columns = x_axis_.ticks(frame_.x_ticks);
    const std::vector<std::string> column_labels = tick_labels(columns, false);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      axis += concat({"M", coordinate(x(columns[i])), " ", coordinate(bottom), "v5"});
      labels += label("mid", x(columns[i]), bottom + 18, column_labels[i]);
    }
    labels += label("end", right, frame_.height - 4, chart_.x_label);
    return concat({path("grid", lines), path("axis", axis), labels});
  }

  std::string curve(const Series& series) const {
    std::string line;
    std::string dots;
    std::string gaps;
    const auto ok = [&series](std::size_t i) {
      return i < series.y.size() && drawable(series.y[i]);
    };
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      const std::string column = coordinate(x(series.x[i]));
      if (!ok(i)) {
        gaps += concat({"M", column, " ", coordinate(frame_.height - frame_.bottom), "v-7"});
        continue;
      }
      const std::string point = concat({column, " ", coordinate(y(series.y[i]))});
      const bool begins = i == 0 || !ok(i - 1);
      const bool alone = begins && !ok(i + 1);
      line += concat({begins ? "M" : "L", point});
      // A line of no length with round ends is a dot.
      if (alone || series.mark == Mark::dots) dots += concat({"M", point, "h0"});
    }
    const std::string colour = colour_class(series.colour);
    std::string text =
        path(concat({series.mark == Mark::faint ? "faint" : "line", " ", colour}), line);
    if (!dots.empty()) text += path(concat({"dots ", colour}), dots);
    if (!gaps.empty()) text += path("gap", gaps);
    return text;
  }

  std::string baselines() const {
    std::vector<Baseline> sorted;
    for (const Baseline& line : chart_.baselines) {
      if (drawable(line.y)) sorted.push_back(line);
    }
    std::sort(sorted.begin(), sorted.end(),
              [](const Baseline& a, const Baseline& b) { return a.y > b.y; });
    const double right = frame_.width - frame_.right;
    std::string text;
    double last_row = 0;
    for (const Baseline& line : sorted) {
      // Above its line, and below it where two lines come too close.
      const double row = std::max(y(line.y) - 5, last_row + 14);
      last_row = row;
      text += path("base", horizontal(y(line.y)));
      text += label("base end", right - 4, row, concat({line.name, " ", value_text(line.y)}));
    }
    return text;
  }

  static std::string path(std::string_view css_class, std::string_view data) {
    return concat({"<path class=\"", css_class, "\" d=\"", data, "\"/>"});
  }
  static std::string label(std::string_view css_class, double column, double row,
                           std::string_view text) {
    return concat({"<text class=\"", css_class, "\" x=\"", coordinate(column), "\" y=\"",
                   coordinate(row), "\">", escape_html(text), "</text>"});
  }
  /// A line through the whole plot.
  std::string horizontal(double row) const {
    return concat({"M", coordinate(frame_.left), " ", coordinate(row), "H",
                   coordinate(frame_.width - frame_.right)});
  }

  std::string value_text(double value) const {
    return chart_.percent ? format_share(value) : format_number(value);
  }

  const Chart& chart_;
  const Frame& frame_;
  std::vector<Series> series_;
  Axis x_axis_;
  Axis y_axis_;
};

std::string legend(const Chart& chart) {
  std::string text = "<div class=\"legend\">";
  for (const Series& series : chart.series) {
    text += concat({"<span class=\"", series.mark == Mark::faint ? "faint " : "",
                    colour_class(series.colour), "\"><i></i>", escape_html(series.name)});
    const auto last = std::find_if(series.y.rbegin(), series.y.rend(), drawable);
    if (!series.figure.empty()) {
      text += concat({" ", html_element("b", series.figure)});
    } else if (last != series.y.rend() && series.mark != Mark::faint) {
      text += concat({" <b>", chart.percent ? format_share(*last) : format_number(*last), "</b>"});
    }
    text += "</span>";
  }
  text += "</div>";
  return text;
}

/// JSON for a script element: these letters occur in JSON only inside strings, where the escape
/// means the same, and the page around it would read them as markup.
std::string hide_markup(std::string_view json) {
  std::string text;
  for (const char letter : json) {
    if (letter == '<') {
      text += "\\u003c";
    } else if (letter == '>') {
      text += "\\u003e";
    } else if (letter == '&') {
      text += "\\u0026";
    } else {
      text += letter;
    }
  }
  return text;
}

/// The ranges that the axes have to cover, and how many values cannot be drawn.
struct Extent {
  Range x;
  Range y;
  std::size_t gaps = 0;
};

Extent extent_of(const Chart& chart) {
  Extent extent;
  for (const Series& series : chart.series) {
    std::size_t gaps = 0;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      extent.x.include(series.x[i]);
      if (drawable(series.y[i])) {
        extent.y.include(series.y[i]);
      } else {
        ++gaps;
      }
    }
    // A smoothed line has the gaps of its raw values: they are the same ones.
    extent.gaps = std::max(extent.gaps, gaps);
  }
  if (extent.y.empty()) return extent;
  for (const Baseline& line : chart.baselines) {
    if (drawable(line.y)) extent.y.include(line.y);
  }
  return extent;
}

}  // namespace

std::string render_chart(const Chart& chart) {
  const Frame& frame = chart.wide ? kWide : kHalf;
  const Extent extent = extent_of(chart);
  std::string text = concat({"<figure class=\"chart", chart.wide ? " wide" : "", "\"><figcaption>",
                             html_element("h3", chart.title), legend(chart), "</figcaption>"});
  if (extent.y.empty()) {
    text += html_element("p", "No data yet.", "empty");
  } else {
    std::vector<Series> series;
    for (const Series& full : chart.series) series.push_back(decimate(full, frame.max_points));
    const Plot plot(chart, frame, std::move(series), extent.x, extent.y);
    text += concat({R"(<div class="plot">)", plot.svg(),
                    R"(<div class="readout" hidden="hidden"></div></div>)",
                    R"(<script type="application/json">)", hide_markup(plot.json()), "</script>"});
  }
  if (extent.gaps > 0) {
    text += html_element(
        "p",
        concat({std::to_string(extent.gaps), extent.gaps == 1 ? " value is" : " values are",
                " not finite; red marks show where."}),
        "note");
  }
  if (!chart.note.empty()) text += html_element("p", chart.note, "note");
  text += "</figure>";
  return text;
}

}  // namespace convmae
