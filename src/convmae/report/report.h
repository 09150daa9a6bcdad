#pragma once

#include "convmae/report/chart.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace convmae {

/// A figure at the head of the page: "final loss", "0.0312", "after 40 epochs".
struct Tile {
  std::string label;
  std::string value;
  std::string detail;  ///< may be empty
};

/// A picture with what it shows. Several of one section become a sequence to step through, in the
/// order of time; the last is shown first.
struct Figure {
  std::string label;  ///< "epoch 12"
  std::string caption;
  std::vector<std::uint8_t> png;
};

/// Rows of text. Without header and with two cells a row it is a list of names and values.
struct Table {
  std::string title;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};

/// A part of the page under its own heading: a sentence, charts, figures, tables, in this order.
/// A section with none of them says that there is no data yet.
struct Section {
  std::string title{};
  std::string note{};
  std::vector<Chart> charts{};
  std::vector<Figure> figures{};
  std::vector<Table> tables{};
};

enum class RunStatus { running, finished, interrupted, failed };

/// Everything that a report shows, ready to be drawn: the report knows nothing of training.
struct ReportData {
  std::string title;     ///< "Pretraining ConvMAE nano"
  std::string subtitle;  ///< run directory, date
  std::string footer;    ///< what made the page: program and version
  RunStatus status = RunStatus::running;
  std::vector<Tile> tiles;
  std::vector<std::string> notes;  ///< what the reader should know before the figures
  std::vector<Section> sections;
};

/// One self-contained HTML page, which is also well-formed XML: styles, script, charts (SVG) and
/// pictures (PNG) are inside. Every text is escaped.
std::string render_report(const ReportData& data);

/// Writes render_report(data) to a file, whole or not at all. Throws UserError if it cannot be
/// written.
void write_report(const std::filesystem::path& path, const ReportData& data);

/// Whether a file is a page that write_report wrote.
bool is_report(const std::filesystem::path& path);

}  // namespace convmae
