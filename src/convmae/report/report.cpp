#include "convmae/report/report.h"

#include "convmae/base/read_file.h"
#include "convmae/io/atomic_file.h"
#include "convmae/report/html.h"
#include "convmae/report/page_assets.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace convmae {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
)";

/// A grid of blocks of which some are missing: the page's emblem.
constexpr std::string_view kEmblem = R"(<svg class="emblem" viewBox="0 0 22 22" aria-hidden="true">
<path class="gone" d="M0 0h6v6H0zM8 0h6v6H8zM0 8h6v6H0zM8 8h6v6H8zM16 8h6v6h-6zM16 16h6v6h-6z"/>
<path class="kept" d="M16 0h6v6h-6zM0 16h6v6H0zM8 16h6v6H8z"/></svg>)";

std::string status_badge(RunStatus status) {
  switch (status) {
    case RunStatus::running:
      return html_element("span", "running", "status running");
    case RunStatus::finished:
      return html_element("span", "finished", "status finished");
    case RunStatus::interrupted:
      return html_element("span", "interrupted", "status interrupted");
    case RunStatus::failed:
      break;
  }
  return html_element("span", "failed", "status failed");
}

std::string tiles(const std::vector<Tile>& list) {
  if (list.empty()) return "";
  std::string text = "<div class=\"tiles\">";
  for (const Tile& tile : list) {
    text += "<div>";
    text += html_element("span", tile.label, "label");
    text += html_element("span", tile.value, "value");
    if (!tile.detail.empty()) text += html_element("span", tile.detail, "detail");
    text += "</div>";
  }
  text += "</div>\n";
  return text;
}

/// Width and height as attributes, so that the page does not jump while pictures load: the header
/// chunk of a PNG holds them as big-endian numbers from byte 16 on.
std::string png_size_attributes(const std::vector<std::uint8_t>& png) {
  constexpr std::size_t kHeaderEnd = 24;
  if (png.size() < kHeaderEnd) return "";
  const auto number = [&png](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | png[at + i];
    return std::to_string(value);
  };
  return concat({" width=\"", number(16), "\" height=\"", number(20), "\""});
}

std::string figures(const std::vector<Figure>& list) {
  if (list.empty()) return "";
  std::string text = "<div class=\"sequence\">";
  for (const Figure& figure : list) {
    const std::string label = escape_html(figure.label);
    const std::string caption = escape_html(figure.caption);
    text += concat({"<figure data-label=\"", label, "\"><img alt=\"", label, ": ", caption, "\"",
                    png_size_attributes(figure.png), " src=\"data:image/png;base64,",
                    encode_base64(figure.png), "\"/><figcaption><b>", label, "</b> <span>", caption,
                    "</span></figcaption></figure>\n"});
  }
  text += "</div>\n";
  return text;
}

std::string table_row(const std::vector<std::string>& cells, std::string_view tag) {
  std::string text = "<tr>";
  for (const std::string& cell : cells) text += html_element(tag, cell);
  text += "</tr>";
  return text;
}

std::string names_and_values(const Table& table) {
  std::string text = "<dl>";
  for (const auto& row : table.rows) {
    text += concat({"<div>", html_element("dt", row[0]), html_element("dd", row[1]), "</div>"});
  }
  text += "</dl>\n";
  return text;
}

std::string grid(const Table& table) {
  std::string text = "<div class=\"scroll\"><table>";
  if (!table.header.empty()) text += concat({"<thead>", table_row(table.header, "th"), "</thead>"});
  text += "<tbody>";
  for (const auto& row : table.rows) text += table_row(row, "td");
  text += "</tbody></table></div>\n";
  return text;
}

std::string table(const Table& table) {
  const bool pairs =
      table.header.empty() && std::all_of(table.rows.begin(), table.rows.end(),
                                          [](const auto& row) { return row.size() == 2; });
  std::string text;
  if (!table.title.empty()) text += html_element("h3", table.title);
  text += pairs ? names_and_values(table) : grid(table);
  return text;
}

std::string section(const Section& part) {
  std::string text = "<section>";
  text += html_element("h2", part.title);
  if (!part.note.empty()) text += html_element("p", part.note, "note");
  if (!part.charts.empty()) {
    text += "<div class=\"charts\">";
    for (const Chart& chart : part.charts) text += concat({render_chart(chart), "\n"});
    text += "</div>";
  }
  text += figures(part.figures);
  for (const Table& item : part.tables) text += table(item);
  if (part.charts.empty() && part.figures.empty() && part.tables.empty()) {
    text += html_element("p", "No data yet.", "empty");
  }
  text += "</section>\n";
  return text;
}

}  // namespace

std::string render_report(const ReportData& data) {
  std::string page =
      concat({kHead, html_element("title", data.title), "<style>", kPageStyle,
              "</style></head>\n<body><main>\n<header>", kEmblem, "<div>",
              html_element("h1", data.title), html_element("p", data.subtitle, "subtitle"),
              "</div>", status_badge(data.status), "</header>\n"});
  page += tiles(data.tiles);
  for (const std::string& note : data.notes) page += html_element("p", note, "callout");
  for (const Section& part : data.sections) page += section(part);
  page += html_element("footer", data.footer);
  // The marks keep '<' and '&' of the script from being read as markup by an XML parser.
  page +=
      concat({"</main>\n<script>//<![CDATA[\n", kPageScript, "//]]>\n</script></body></html>\n"});
  return page;
}

void write_report(const std::filesystem::path& path, const ReportData& data) {
  write_file_atomically(path, render_report(data));
}

bool is_report(const std::filesystem::path& path) {
  return file_beginning(path, kHead.size()) == kHead;
}

}  // namespace convmae
