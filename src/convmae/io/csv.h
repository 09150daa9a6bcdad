#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// A field of a CSV file as RFC 4180 has it, in quotes where they are needed, and always UTF-8
/// (as_utf8).
std::string csv_field(std::string_view text);

/// A field that was read.
struct CsvField {
  std::string text;      ///< without its quotes, blanks as they are
  bool quoted = false;   ///< whether it had quotes
  std::string_view raw;  ///< as it stands in the file, quotes and all
};

struct CsvRow {
  std::int64_t line = 0;  ///< of the file, from 1, on which the row begins
  std::vector<CsvField> fields;
};

/// Reads the rows of a CSV file as RFC 4180 has them: a field may stand in double quotes, and then
/// holds separators, line breaks and, doubled, quotes. Beyond that, rows end with CRLF, LF or CR,
/// blanks may stand around quotes, quotes inside a field without them are characters, and behind a
/// quoted field a blank serves as the separator. Blank lines, rows of empty fields and lines that
/// begin with # are passed over. The text may be any bytes; what is in memory is a row.
class CsvReader {
 public:
  /// Each character of `separators` ends a field; a blank does so with those that follow it. `text`
  /// must outlive the reader and what it returns; `name` is what errors call the file.
  CsvReader(std::string_view text, std::string_view separators, std::string name);

  /// False at the end. Throws UserError with the number of the line if a quote is not closed, if
  /// more than a separator follows one, or if the row has more fields than any table.
  bool next(CsvRow& row);

  /// The rest of the text, from the row that `next` would return on.
  std::string_view rest() const { return text_.substr(at_); }

  /// "NAME, line N": what errors about a row begin with.
  std::string place(std::int64_t line) const;

 private:
  bool at_end() const { return at_ == text_.size(); }
  bool is_separator(char c) const { return separators_.find(c) != std::string_view::npos; }
  bool is_blank(char c) const;
  bool at_row_end() const;
  void skip_blanks();
  void pass_row_end();
  void pass_line();
  void read_row(CsvRow& row);
  void read_field(CsvField& field);
  void read_quoted(CsvField& field);
  bool pass_separator(bool after_quotes);

  std::string_view text_;
  std::string_view separators_;
  std::string name_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

}  // namespace convmae
