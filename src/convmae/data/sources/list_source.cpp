#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/sources/class_names.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/data/sources/list_lines.h"
#include "convmae/data/sources/list_root.h"
#include "convmae/io/unicode_text.h"

#include <utility>

namespace convmae {

namespace fs = std::filesystem;

std::unique_ptr<ImageSource> open_list(const fs::path& list) {
  constexpr FileKind kList{"a folder, an IDX file or a text list of images", std::int64_t{1} << 30};
  const std::string name = "list " + quote(list.string());
  ListRoot root(list);
  ListLines table =
      parse_list(read_unicode_text(list, kList), "the " + name,
                 [&root](const std::string& path) { return root.leads_to_image(path); });
  std::vector<ListLine>& lines = table.lines;
  if (lines.empty()) {
    throw UserError("no images in the list " + quote(list.string()) +
                    ": expected one path a line, with or without ',label'");
  }
  root.settle(lines, name);
  ClassNames classes;
  std::vector<FileSource::Entry> entries;
  entries.reserve(lines.size());
  for (const ListLine& line : lines) {
    entries.push_back(
        {line.path, line.label.empty() ? ImageSource::kNoLabel : classes.add(line.label)});
  }
  classes.settle();
  for (FileSource::Entry& entry : entries) {
    if (entry.label != ImageSource::kNoLabel) entry.label = classes.index(entry.label);
  }
  SourceAccount account{.place = list.string(), .kind = "list"};
  if (!table.choice.empty()) account.remarks.push_back(std::move(table.choice));
  return std::make_unique<FileSource>(root.path(), std::move(entries), classes.names(),
                                      std::move(account), classes.numbered());
}

}  // namespace convmae
