#include "convmae/study/study_tables.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/report/format.h"

#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>

namespace convmae {
namespace {

constexpr std::string_view kBegin = "<!-- study: begin -->";
constexpr std::string_view kEnd = "<!-- study: end -->";

std::vector<double> values_of(const std::map<std::int64_t, double>& scores) {
  std::vector<double> values;
  values.reserve(scores.size());
  for (const auto& [seed, value] : scores) values.push_back(value);
  return values;
}

std::string score_text(const std::vector<double>& values) {
  if (values.empty()) return "-";
  std::string text = format_fixed(mean_of(values), 2);
  if (values.size() > 1) text.append(" ± ").append(format_fixed(standard_error_of(values), 2));
  return text.append(" (").append(std::to_string(values.size())).append(")");
}

std::string signed_fixed(double value) {
  return std::string(value < 0 ? "" : "+").append(format_fixed(value, 2));
}

std::string difference_text(const std::optional<MeanInterval>& difference) {
  if (!difference) return "-";
  std::string text = signed_fixed(difference->mean);
  if (std::isfinite(difference->half)) {
    text.append(" [").append(signed_fixed(difference->low())).append(", ");
    text.append(signed_fixed(difference->high())).append("]");
  }
  return text;
}

std::string minutes_text(double seconds) {
  constexpr double kMinute = 60;
  return std::isfinite(seconds) ? format_fixed(seconds / kMinute, 1) : "-";
}

/// A cell of Markdown may have no bar of its own.
std::string cell_text(const std::string& text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string row_text(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& cell : cells) row.append(" ").append(cell_text(cell)).append(" |");
  return row + "\n";
}

}  // namespace

Table score_table(const Study& study, const StudyFindings& findings) {
  Table table{.title = "Scores", .header = {"arm"}, .rows = {}};
  for (const StudyEvaluation& evaluation : study.evaluations) {
    table.header.push_back(evaluation.name + ", %");
    table.header.emplace_back("difference");
  }
  table.header.emplace_back("pretraining, CPU minutes");
  for (const StudyArm& arm : study.arms) {
    std::vector<std::string> row{arm.label};
    for (const StudyEvaluation& evaluation : study.evaluations) {
      row.push_back(score_text(values_of(findings.scores(arm.name, evaluation.name))));
      row.push_back(arm.name == study.baseline ? ""
                                               : difference_text(findings.difference(
                                                     arm.name, study.baseline, evaluation.name)));
    }
    row.push_back(minutes_text(findings.pretraining_cpu_seconds(arm.name)));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table claim_table(const Study& study, const StudyFindings& findings) {
  Table table{.title = "Claims", .header = {"claim", "measured by", "difference", ""}, .rows = {}};
  for (const StudyClaim& claim : study.claims) {
    const Verdict verdict = verdict_on(claim, findings);
    table.rows.push_back({claim.text,
                          claim.evaluation + ": " + study.arm(claim.better).label + " less " +
                              study.arm(claim.worse).label,
                          difference_text(verdict.difference), verdict.text});
  }
  return table;
}

std::string markdown_of(const Table& table) {
  std::string text = row_text(table.header);
  text += "|";
  for (std::size_t i = 0; i < table.header.size(); ++i) text += i == 0 ? "---|" : "---:|";
  text += "\n";
  for (const auto& row : table.rows) text += row_text(row);
  return text;
}

std::string markdown_of(const Study& study, const StudyFindings& findings) {
  std::string text = "### " + printable(study.title) + "\n\n";
  if (!study.note.empty()) text += printable(study.note) + "\n\n";
  text += markdown_of(score_table(study, findings)) + "\n";
  if (!study.claims.empty()) text += markdown_of(claim_table(study, findings)) + "\n";
  text += std::to_string(findings.line_count()) + " of " + std::to_string(findings.planned()) +
          " results";
  for (const std::string& cpu : findings.cpus()) text.append("; ").append(printable(cpu));
  return text + ". `convmae study configs/studies/" + study.name + ".toml`\n";
}

std::string with_generated(const std::string& page, const std::string& text,
                           const std::string& name) {
  const std::size_t begin = page.find(kBegin);
  const std::size_t end = page.find(kEnd);
  const bool usable = begin != std::string::npos && end != std::string::npos && begin < end &&
                      page.find(kBegin, begin + 1) == std::string::npos &&
                      page.find(kEnd, end + 1) == std::string::npos;
  if (!usable) {
    throw UserError("expected a line " + std::string(kBegin) + " and below it a line " +
                    std::string(kEnd) + ", each once, in " + quote(name) +
                    ": the tables go between them");
  }
  return page.substr(0, begin + kBegin.size()) + "\n\n" + text + "\n" + page.substr(end);
}

}  // namespace convmae
