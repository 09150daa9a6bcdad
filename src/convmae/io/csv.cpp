#include "convmae/io/csv.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <algorithm>
#include <utility>

namespace convmae {
namespace {

/// Spreadsheets end at 16,384 columns; a row without an end would take far more memory than the
/// file.
constexpr std::size_t kMostFields = std::size_t{1} << 17;

bool is_empty(const CsvRow& row) {
  return std::ranges::all_of(row.fields, [](const CsvField& field) {
    return field.text.find_first_not_of(" \t") == std::string::npos;
  });
}

}  // namespace

std::string csv_field(std::string_view text) {
  std::string field = as_utf8(text);
  const bool has_special = field.find_first_of(",\"\r\n") != std::string::npos;
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  const bool has_edge =
      !field.empty() && (field.front() == '#' || is_blank(field.front()) || is_blank(field.back()));
  if (!has_special && !has_edge) return field;
  std::string quoted(1, '"');
  for (const char c : field) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

CsvReader::CsvReader(std::string_view text, std::string_view separators, std::string name)
    : text_(text), separators_(separators), name_(std::move(name)) {}

bool CsvReader::next(CsvRow& row) {
  while (!at_end()) {
    row.line = line_;
    const std::size_t begin = text_.find_first_not_of(" \t", at_);
    if (begin != std::string_view::npos && text_[begin] == '#') {
      pass_line();
      continue;
    }
    read_row(row);
    if (!is_empty(row)) return true;
  }
  row.fields.clear();
  return false;
}

std::string CsvReader::place(std::int64_t line) const {
  return name_ + ", line " + std::to_string(line);
}

bool CsvReader::is_blank(char c) const { return c == ' ' || (c == '\t' && !is_separator(c)); }

bool CsvReader::at_row_end() const { return at_end() || text_[at_] == '\n' || text_[at_] == '\r'; }

void CsvReader::skip_blanks() {
  while (!at_end() && is_blank(text_[at_])) ++at_;
}

void CsvReader::pass_row_end() {
  if (at_end()) return;
  if (text_.substr(at_).starts_with("\r\n")) ++at_;
  ++at_;
  ++line_;
}

void CsvReader::pass_line() {
  at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
  pass_row_end();
}

void CsvReader::read_row(CsvRow& row) {
  row.fields.clear();
  if (is_separator(' ')) skip_blanks();
  bool more = true;
  while (more) {
    if (row.fields.size() == kMostFields) {
      throw UserError(place(row.line) + " has over " + std::to_string(kMostFields) +
                      " fields: expected a list of images; check the file");
    }
    CsvField& field = row.fields.emplace_back();
    read_field(field);
    more = pass_separator(field.quoted);
  }
  pass_row_end();
}

void CsvReader::read_field(CsvField& field) {
  const std::size_t begin = at_;
  skip_blanks();
  if (!at_end() && text_[at_] == '"') {
    read_quoted(field);
    field.raw = text_.substr(begin, at_ - begin);
    return;
  }
  at_ = begin;
  while (!at_row_end() && !is_separator(text_[at_])) ++at_;
  field.raw = text_.substr(begin, at_ - begin);
  field.text = field.raw;
}

void CsvReader::read_quoted(CsvField& field) {
  field.quoted = true;
  const std::int64_t begin = line_;
  ++at_;
  while (true) {
    const std::size_t end = text_.find('"', at_);
    if (end == std::string_view::npos) {
      throw UserError(place(begin) +
                      ": expected a second \" behind the one that begins a field, found none: "
                      "close it, or double it if it belongs to the text and put quotes around all");
    }
    const std::string_view part = text_.substr(at_, end - at_);
    field.text += part;
    for (std::size_t i = 0; i < part.size(); ++i) {
      const bool is_crlf = part[i] == '\r' && part.substr(i + 1).starts_with('\n');
      if (part[i] == '\n' || (part[i] == '\r' && !is_crlf)) ++line_;
    }
    at_ = end + 1;
    if (at_end() || text_[at_] != '"') return;
    field.text += '"';
    ++at_;
  }
}

/// Whether another field follows.
bool CsvReader::pass_separator(bool after_quotes) {
  const std::size_t begin = at_;
  if (after_quotes || is_separator(' ')) skip_blanks();
  if (at_row_end()) return false;
  if (is_separator(text_[at_])) {
    ++at_;
    return true;
  }
  if (at_ > begin) return true;  // a blank
  const std::string_view found = text_.substr(at_);
  throw UserError(place(line_) + ": expected a separator behind the quotes of a field, found " +
                  quote(found.substr(0, std::min<std::size_t>(found.find_first_of("\r\n"), 20))) +
                  ": double a \" that belongs to the text");
}

}  // namespace convmae
