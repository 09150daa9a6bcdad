#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace convmae {

/// How a series is drawn.
enum class Mark {
  line,
  faint,  ///< a thin pale line: the raw values behind a smoothed line of the same colour
  dots,   ///< a line with a dot at every point: few values, such as one an epoch
};

/// Points in ascending order of x. A y that is not finite is a gap.
struct Series {
  std::string name{};
  std::vector<double> x{};
  std::vector<double> y{};
  Mark mark = Mark::line;
  int colour = 0;        ///< number in the palette, 0 to 5
  std::string figure{};  ///< what the legend says of it; the last value if empty
};

/// A horizontal line to compare with.
struct Baseline {
  std::string name;
  double y = 0;
};

enum class AxisScale {
  automatic,  ///< logarithmic if the axis need not begin at zero, all values are positive and the
              ///< largest is 8 times the smallest
  linear,
  logarithmic,
};

struct Chart {
  std::string title{};
  std::string note{};  ///< a sentence below the chart, or empty
  std::string x_label{};
  std::vector<Series> series{};
  std::vector<Baseline> baselines{};
  AxisScale y_scale = AxisScale::automatic;
  bool from_zero = false;  ///< the axis begins at zero, unless it is set to logarithmic
  bool percent = false;    ///< values are shares of 1 and are labelled as percentages
  bool wide = false;       ///< takes the whole width of the page
};

/// At most about `max_points` points of `series` that look the same when drawn: of every stretch
/// the first and last, the lowest and the highest point remain, and a stretch with gaps keeps one.
Series decimate(const Series& series, std::size_t max_points);

/// Mean over the `span` points around each point. At the start the window is shorter but
/// stays centred, so that a steep beginning is not flattened; at the end it lacks the points to
/// come. Values that are not finite are gaps and do not enter a mean.
Series smooth(const Series& series, std::size_t span);

/// A `<figure>` with title, legend, the plot as SVG and the plotted numbers as JSON (for the
/// read-out under the pointer). Without a finite value it says that there is no data yet.
std::string render_chart(const Chart& chart);

}  // namespace convmae
