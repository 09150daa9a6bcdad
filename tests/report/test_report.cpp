#include "convmae/base/error.h"
#include "convmae/report/png.h"
#include "convmae/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace convmae {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Whether the page passes check_page.py and holds that many pictures.
bool is_sound(const ReportData& data, int pictures) {
  const auto path = std::filesystem::path(testing::TempDir()) / "convmae_report_test.html";
  write_report(path, data);
  const std::string command = std::string("'") + CONVMAE_PYTHON + "' '" + CONVMAE_SOURCE_DIR +
                              "/tests/report/check_page.py' '" + path.string() + "' " +
                              std::to_string(pictures);
  const bool sound = std::system(command.c_str()) == 0;
  std::filesystem::remove(path);
  return sound;
}

ReportData full_report(const std::string& text) {
  Chart chart{
      .title = text,
      .note = text,
      .x_label = text,
      .series = {{.name = text, .x = {0, 1, 2, 3}, .y = {1, NAN, 3, 2}, .mark = Mark::faint},
                 {.name = text, .x = {1}, .y = {2}, .mark = Mark::dots, .colour = 1}},
      .baselines = {{text, 2.5}, {text, 2.51}}};
  const Figure figure{text, text, encode_png(Picture(3, 5, Colour{1, 2, 3}))};
  ReportData data;
  data.title = data.subtitle = data.footer = text;
  data.tiles = {{text, text, text}, {text, text, ""}};
  data.notes = {text};
  data.sections = {
      {text, text, {chart, chart}, {figure, figure}, {}},
      {text,
       "",
       {},
       {},
       {{text, {text, text}, {{text, text}}}, {text, {}, {{text, text}, {text, text}}}}},
      {text, "", {}, {}, {}}};
  return data;
}

TEST(Report, PageIsWellFormedAndSelfContained) {
  EXPECT_TRUE(is_sound(full_report("plain words"), 2));
}

TEST(Report, PageWithoutAnyDataIsWellFormed) {
  EXPECT_TRUE(is_sound({}, 0));
  ReportData data;
  data.sections = {{"Loss", "", {Chart{.title = "Loss"}}, {}, {}}, {"Pictures", "", {}, {}, {}}};
  EXPECT_TRUE(is_sound(data, 0));
  EXPECT_THAT(render_report(data), HasSubstr("No data yet."));
}

TEST(Report, NoTextCanBecomeMarkup) {
  for (const std::string text :
       {R"-("><img src="x" onerror="alert(1)">)-", "</script><script>alert(1)</script>", "]]>",
        "' onclick='alert(1)", "\x1b[2J \x01 caf\xe9 \xed\xa0\x80", "&bogus; &#0;"}) {
    EXPECT_TRUE(is_sound(full_report(text), 2)) << text;
  }
}

TEST(Report, PicturesKeepTheirSize) {
  EXPECT_THAT(render_report(full_report("x")), HasSubstr(R"(width="5" height="3")"));
}

TEST(Report, StatusIsShown) {
  ReportData data;
  for (const auto& [status, word] :
       {std::pair{RunStatus::running, "running"}, std::pair{RunStatus::finished, "finished"},
        std::pair{RunStatus::interrupted, "interrupted"}, std::pair{RunStatus::failed, "failed"}}) {
    data.status = status;
    EXPECT_THAT(render_report(data), HasSubstr(std::string(">") + word + "</span>"));
  }
}

TEST(Report, PairsAreAListAndOtherTablesAGrid) {
  ReportData data;
  data.sections = {{"t", "", {}, {}, {{"", {}, {{"seed", "0"}}}}}};
  EXPECT_THAT(render_report(data), HasSubstr("<dt>seed</dt><dd>0</dd>"));
  data.sections[0].tables = {{"", {"class", "top-1"}, {{"cat", "91 %"}}}};
  const std::string page = render_report(data);
  EXPECT_THAT(page, HasSubstr("<th>class</th><th>top-1</th>"));
  EXPECT_THAT(page, HasSubstr("<td>cat</td><td>91 %</td>"));
  EXPECT_THAT(page, Not(HasSubstr("<dl>")));
}

TEST(Report, FailedWriteKeepsTheOldPage) {
  EXPECT_THROW(write_report("/nonexistent/directory/report.html", {}), UserError);
  const auto path = std::filesystem::path(testing::TempDir()) / "convmae_report_twice.html";
  write_report(path, full_report("first"));
  write_report(path, full_report("second"));
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  EXPECT_EQ(content.str(), render_report(full_report("second")));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace convmae
