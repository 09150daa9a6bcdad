#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/data/sources/numbered_classes.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace convmae {
namespace {

namespace fs = std::filesystem;

struct Line {
  std::string path;
  std::string label;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

Line parse_line(std::string_view text) {
  if (text.front() == '"') {
    const std::size_t quote = text.find('"', 1);
    if (quote != std::string_view::npos) {
      const std::string_view rest = trimmed(text.substr(quote + 1));
      const bool separated = rest.starts_with(',');
      return {std::string(text.substr(1, quote - 1)),
              std::string(trimmed(separated ? rest.substr(1) : rest))};
    }
  }
  std::size_t separator = text.find_last_of(",\t");
  if (separator == std::string_view::npos) {
    const std::size_t space = text.find_last_of(' ');
    if (space != std::string_view::npos && whole_number(text.substr(space + 1))) separator = space;
  }
  if (separator == std::string_view::npos) return {std::string(text), ""};
  return {std::string(trimmed(text.substr(0, separator))),
          std::string(trimmed(text.substr(separator + 1)))};
}

bool is_heading(const Line& line) {
  return line.path == "path" && (line.label.empty() || line.label == "label");
}

std::vector<Line> parse_lines(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    Line parsed = parse_line(line);
    if (lines.empty() && is_heading(parsed)) continue;
    lines.push_back(std::move(parsed));
  }
  return lines;
}

/// Class names by index, and the index of each label text.
struct Labels {
  std::vector<std::string> classes;
  std::map<std::string, std::int64_t> index;
  bool numbered = false;
};

Labels number_labels(const std::vector<Line>& lines) {
  Labels labels;
  NumberedClasses numbers;
  labels.numbered = !lines.empty();
  for (const Line& line : lines) {
    const auto number = whole_number(line.label);
    labels.numbered = labels.numbered && number.has_value();
    if (number) numbers.add(*number);
    labels.index.emplace(line.label, 0);
  }
  if (labels.numbered) {
    labels.classes = numbers.names();
    for (auto& [text, index] : labels.index) index = numbers.index(*whole_number(text));
    return labels;
  }
  for (auto& [name, index] : labels.index) {
    index = std::ssize(labels.classes);
    labels.classes.push_back(name);
  }
  return labels;
}

}  // namespace

std::unique_ptr<ImageSource> open_list(const fs::path& list) {
  constexpr FileKind kList{"a folder, an IDX file or a text list of images", std::int64_t{1} << 30};
  const std::vector<Line> lines = parse_lines(read_text_file(list, kList));
  if (lines.empty()) {
    throw UserError("no images in the list " + quote(list.string()) +
                    ": expected one path a line, with or without ',label'");
  }
  const auto unlabelled = std::count_if(lines.begin(), lines.end(),
                                        [](const Line& line) { return line.label.empty(); });
  const bool has_labels = unlabelled == 0;
  if (!has_labels && unlabelled != std::ssize(lines)) {
    throw UserError("expected a label in every line of the list " + quote(list.string()) +
                    " or in none, found " + std::to_string(unlabelled) + " of " +
                    std::to_string(lines.size()) + " lines without: complete them");
  }
  const fs::path root = list.parent_path();
  std::error_code ignored;
  // A link that leads nowhere is an image like another, which cannot be read.
  if (!fs::exists(fs::symlink_status(root / lines.front().path, ignored))) {
    throw UserError("the first image of the list " + quote(list.string()) +
                    " does not exist: " + quote((root / lines.front().path).string()) +
                    ": paths are relative to the list's folder");
  }
  const Labels labels = has_labels ? number_labels(lines) : Labels{};
  std::vector<FileSource::Entry> entries;
  entries.reserve(lines.size());
  for (const Line& line : lines) {
    entries.push_back(
        {line.path, has_labels ? labels.index.at(line.label) : ImageSource::kNoLabel});
  }
  return std::make_unique<FileSource>(root, std::move(entries), labels.classes,
                                      "list " + list.filename().string() + " in", labels.numbered);
}

}  // namespace convmae
