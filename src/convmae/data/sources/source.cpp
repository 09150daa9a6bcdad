#include "convmae/data/sources/source.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/batch_plan.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/data/sources/idx_source.h"
#include "convmae/data/sources/tar_source.h"

#include <system_error>

namespace convmae {

namespace fs = std::filesystem;

std::vector<std::int64_t> ImageSource::shuffled(std::uint64_t seed, std::uint64_t epoch) const {
  return epoch_order(seed, epoch, size());
}

std::unique_ptr<ImageSource> open_source(const fs::path& path, Split split) {
  std::error_code error;
  if (path.extension() == ".tar" && !fs::is_directory(path, error)) {
    const std::vector<std::string> names = expand_braces(path.string());
    return open_shards({names.begin(), names.end()});
  }
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    throw UserError("cannot open the data " + quote(path.string()) + ": " +
                    (error ? error.message() : "no such file or folder") +
                    ": give a folder of images, a list of paths, an IDX file or shards");
  }
  if (!fs::is_directory(status)) return is_idx_images(path) ? open_idx(path) : open_list(path);
  const bool has_splits =
      fs::is_directory(path / "train", error) || fs::is_directory(path / "val", error);
  if (has_splits) {
    const fs::path chosen = path / (split == Split::train ? "train" : "val");
    if (!fs::is_directory(chosen, error)) {
      throw UserError("expected the folder " + quote(chosen.string()) +
                      " beside the other split, found none: create it or give a folder of images");
    }
    return open_source(chosen, split);
  }
  if (const auto idx = find_idx_images(path, split)) return open_idx(*idx);
  if (const auto shards = find_shards(path); !shards.empty()) return open_shards(shards);
  return open_folder(path);
}

}  // namespace convmae
