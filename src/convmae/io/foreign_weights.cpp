#include "convmae/io/foreign_weights.h"

#include "convmae/base/quote.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace convmae {
namespace {

struct Beginning {
  std::string_view bytes;
  const char* text;
};

constexpr std::array kBeginnings{
    Beginning{"version https://git-lfs",
              "is a pointer of Git LFS, not the file that it stands for: fetch that with `git lfs "
              "pull`"},
    Beginning{"<", "is a web page, not a file of weights: download the file itself"},
    Beginning{"\x89HDF", "is an HDF5 file: save its weights as safetensors or .pth first"},
    Beginning{"\x1f\x8b", "is compressed with gzip: unpack it first"},
};

/// What begins an entry of a tar archive in the format of POSIX, and where.
constexpr std::string_view kTarMagic = "ustar";
constexpr std::size_t kTarMagicAt = 257;

/// The files that the index of a checkpoint in several files names.
struct Shards {
  std::set<std::string_view> files;
  std::size_t weights = 0;
};

/// Every text of the index that is the name of such a file is what one weight lies in.
Shards shards_of(std::string_view index) {
  constexpr std::size_t kMostFiles = 10'000;
  Shards found;
  for (std::size_t begin = index.find('"'); begin != std::string_view::npos;) {
    const std::size_t end = index.find('"', begin + 1);
    if (end == std::string_view::npos || found.files.size() == kMostFiles) break;
    const std::string_view text = index.substr(begin + 1, end - begin - 1);
    if (text.ends_with(".safetensors") || text.ends_with(".bin") || text.ends_with(".pth")) {
      found.files.insert(text);
      ++found.weights;
    }
    begin = index.find('"', end + 1);
  }
  return found;
}

std::string json_stand_in(std::string_view json) {
  if (json.find("\"weight_map\"") == std::string_view::npos) {
    return "is JSON, not a file of weights: give the .safetensors or .pth file that belongs to it";
  }
  const Shards shards = shards_of(json);
  std::string text = "is the index of a checkpoint in several files, which holds no weights itself";
  if (!shards.files.empty()) {
    text += ": it says in which of " + std::to_string(shards.files.size()) + " files (" +
            brief(*shards.files.begin()) + (shards.files.size() > 1 ? ", ..." : "") + ") each of " +
            std::to_string(shards.weights) + " weights lies";
  }
  return text + "; join them in one file first, such as with save_file of safetensors in Python";
}

}  // namespace

std::string known_stand_in(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  for (const Beginning& known : kBeginnings) {
    if (text.starts_with(known.bytes)) return known.text;
  }
  if (text.size() > kTarMagicAt && text.substr(kTarMagicAt).starts_with(kTarMagic)) {
    return "is a tar archive: unpack it first";
  }
  constexpr std::size_t kMostSpace = 64;
  constexpr std::size_t kLargestIndex = std::size_t{1} << 26;  // of a million weights
  const std::size_t first = text.substr(0, kMostSpace).find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '{') return "";
  return json_stand_in(text.substr(first, kLargestIndex));
}

}  // namespace convmae
