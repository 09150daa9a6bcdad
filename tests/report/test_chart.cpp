#include "convmae/report/axis.h"
#include "convmae/report/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace convmae {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Series wave(std::size_t count) {
  Series series;
  series.name = "wave";
  for (std::size_t i = 0; i < count; ++i) {
    series.x.push_back(static_cast<double>(i));
    series.y.push_back(std::sin(static_cast<double>(i) * 0.37));
  }
  return series;
}

/// The numbers that a chart hands to the script of the page.
nlohmann::json data_of(const std::string& html) {
  const std::string opening = "<script type=\"application/json\">";
  const auto begin = html.find(opening);
  if (begin == std::string::npos) return {};
  const auto end = html.find("</script>", begin);
  return nlohmann::json::parse(html.substr(begin + opening.size(), end - begin - opening.size()));
}

TEST(Axis, TicksAreRoundAndInside) {
  EXPECT_THAT(Axis(0, 40, false).ticks(5), ElementsAre(0, 10, 20, 30, 40));
  EXPECT_THAT(Axis(-3, 7, false).ticks(5), ElementsAre(-2, 0, 2, 4, 6));
  EXPECT_EQ(Axis(1, 2000, true).ticks(5).size(), 4U);
  for (const double tick : Axis(0.013, 0.31, true).ticks(5)) {
    EXPECT_GE(tick, 0.013);
    EXPECT_LE(tick, 0.31);
  }
}

TEST(Axis, ExtremeRangesHaveAFewTicks) {
  const std::vector<Axis> axes = {{1e-100, 1e100, true}, {0, 1e-300, false}, {-1e100, 1e100, false},
                                  {5, 5, false},         {0, 0, false},      {3, 3, true},
                                  {1e9, 1e9 + 1, false}, {0.02, 0.021, true}};
  for (const Axis& axis : axes) {
    const std::size_t ticks = axis.ticks(5).size();
    EXPECT_GE(ticks, 1U) << axis.low() << " " << axis.high();
    EXPECT_LE(ticks, 16U) << axis.low() << " " << axis.high();
    EXPECT_LT(axis.low(), axis.high());
  }
}

TEST(Axis, LabelsOfAnAxisShareAStyle) {
  EXPECT_THAT(tick_labels({0, 0.0005, 0.001, 0.0015}, false),
              ElementsAre("0", "5e-4", "1e-3", "1.5e-3"));
  EXPECT_THAT(tick_labels({0, 5000, 10000}, false), ElementsAre("0", "5k", "10k"));
  EXPECT_THAT(tick_labels({0, 50, 100}, false), ElementsAre("0", "50", "100"));
  EXPECT_THAT(tick_labels({0, 0.05}, true), ElementsAre("0%", "5%"));
}

TEST(Decimate, FewPointsStayAsTheyAre) {
  const Series series = wave(100);
  EXPECT_EQ(decimate(series, 100).y, series.y);
}

TEST(Decimate, ManyPointsBecomeFewAndKeepExtremesAndEnds) {
  Series series = wave(100000);
  series.y[31415] = 50;
  series.y[27182] = -40;
  const Series small = decimate(series, 1000);
  EXPECT_LE(small.x.size(), 1000U);
  EXPECT_GE(small.x.size(), 500U);
  EXPECT_EQ(*std::max_element(small.y.begin(), small.y.end()), 50);
  EXPECT_EQ(*std::min_element(small.y.begin(), small.y.end()), -40);
  EXPECT_EQ(small.x.front(), 0);
  EXPECT_EQ(small.x.back(), 99999);
  EXPECT_TRUE(std::is_sorted(small.x.begin(), small.x.end()));
  for (std::size_t i = 0; i < small.x.size(); ++i) {
    EXPECT_EQ(small.y[i], series.y[static_cast<std::size_t>(small.x[i])]) << "points do not move";
  }
}

TEST(Decimate, ASingleGapSurvives) {
  Series series = wave(50000);
  series.y[12345] = NAN;
  const Series small = decimate(series, 500);
  EXPECT_EQ(std::count_if(small.y.begin(), small.y.end(), [](double y) { return std::isnan(y); }),
            1);
}

TEST(Smooth, ConstantStaysAndGapsStayGaps) {
  Series series = wave(50);
  std::fill(series.y.begin(), series.y.end(), 3.0);
  series.y[20] = NAN;
  series.y[21] = INFINITY;
  const Series result = smooth(series, 9);
  for (std::size_t i = 0; i < 50; ++i) {
    if (i == 20 || i == 21) {
      EXPECT_FALSE(std::isfinite(result.y[i]));
    } else {
      EXPECT_DOUBLE_EQ(result.y[i], 3.0);
    }
  }
}

TEST(Smooth, IsTheMeanOfTheWindow) {
  const Series series{.name = "", .x = {0, 1, 2, 3, 4}, .y = {1, 2, 6, 4, 11}};
  EXPECT_THAT(smooth(series, 3).y, ElementsAre(1, 3, 4, 7, 7.5));
}

TEST(Chart, WithoutFiniteValueSaysSo) {
  for (const Series& series : {Series{}, Series{.name = "s", .x = {0, 1}, .y = {NAN, INFINITY}}}) {
    const std::string html =
        render_chart({.title = "t", .series = {series}, .baselines = {{"b", 1}}});
    EXPECT_THAT(html, HasSubstr("No data yet."));
    EXPECT_THAT(html, Not(HasSubstr("<svg")));
  }
}

TEST(Chart, ASinglePointIsADot) {
  const std::string html =
      render_chart({.title = "t", .series = {{.name = "s", .x = {3}, .y = {7}}}});
  EXPECT_THAT(html, HasSubstr("class=\"dots c0\""));
  EXPECT_THAT(html, HasSubstr("h0\"/>"));
  EXPECT_THAT(html, Not(HasSubstr("nan")));
}

TEST(Chart, ValuesThatAreNotFiniteBreakTheLineAndAreCounted) {
  const std::string html = render_chart(
      {.title = "t",
       .series = {{.name = "s", .x = {0, 1, 2, 3, 4}, .y = {1, 2, NAN, 3, INFINITY}}}});
  EXPECT_THAT(html, HasSubstr("2 values are not finite"));
  EXPECT_THAT(html, HasSubstr("class=\"gap\""));
  const auto data = data_of(html);
  EXPECT_EQ(data["series"][0]["y"], nlohmann::json::parse("[1.0, 2.0, null, 3.0, null]"));
  EXPECT_EQ(html.find("inf\""), std::string::npos);
  EXPECT_EQ(html.find("nan"), std::string::npos);
}

TEST(Chart, LargeRangeIsLogarithmicUnlessItBeginsAtZero) {
  Chart chart{.title = "t", .series = {{.name = "s", .x = {0, 1, 2}, .y = {1, 100, 10}}}};
  EXPECT_EQ(data_of(render_chart(chart))["log"], true);
  chart.from_zero = true;
  EXPECT_EQ(data_of(render_chart(chart))["log"], false);
  EXPECT_EQ(data_of(render_chart(chart))["y"][0], 0);
  chart.from_zero = false;
  chart.series[0].y[0] = 0;
  EXPECT_EQ(data_of(render_chart(chart))["log"], false) << "zero has no logarithm";
  chart.series[0].y = {1, 2, 3};
  EXPECT_EQ(data_of(render_chart(chart))["log"], false);
  chart.y_scale = AxisScale::logarithmic;
  EXPECT_EQ(data_of(render_chart(chart))["log"], true);
}

TEST(Chart, BaselinesAreInsideTheAxis) {
  const std::string html = render_chart({.title = "t",
                                         .series = {{.name = "s", .x = {0, 1}, .y = {1, 2}}},
                                         .baselines = {{"constant prediction", 4}}});
  EXPECT_GE(data_of(html)["y"][1].get<double>(), 4);
  EXPECT_THAT(html, HasSubstr("constant prediction 4"));
}

TEST(Chart, HugeValuesDoNotBreakTheDrawing) {
  const std::string html = render_chart(
      {.title = "t", .series = {{.name = "s", .x = {0, 1, 2}, .y = {-1e308, 1e308, 1}}}});
  EXPECT_EQ(html.find("inf\""), std::string::npos);
  EXPECT_EQ(html.find("nan"), std::string::npos);
}

TEST(Chart, ManyPointsDoNotMakeALargePage) {
  EXPECT_LT(render_chart({.title = "t", .series = {wave(1000000)}, .wide = true}).size(), 120000U);
}

TEST(Chart, NamesCannotBecomeMarkup) {
  const std::string evil = "</script><script>alert(1)</script>";
  const std::string html = render_chart({.title = evil,
                                         .note = evil,
                                         .x_label = evil,
                                         .series = {{.name = evil, .x = {0, 1}, .y = {1, 2}}},
                                         .baselines = {{evil, 1}}});
  EXPECT_THAT(html, Not(HasSubstr("<script>")));
  const auto data = data_of(html);
  EXPECT_EQ(data["series"][0]["name"], evil) << "and are read back unchanged";
  EXPECT_EQ(data["label"], evil);
}

}  // namespace
}  // namespace convmae
