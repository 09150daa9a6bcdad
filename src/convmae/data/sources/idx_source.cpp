#include "convmae/data/sources/idx_source.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/data/decode/npy.h"
#include "convmae/data/sources/class_names.h"
#include "convmae/data/sources/entry_names.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <zlib.h>

namespace convmae {
namespace {

namespace fs = std::filesystem;

struct IdxFile {
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> values;
};

[[noreturn]] void throw_damaged(const fs::path& path) {
  throw UserError("IDX file " + quote(path.string()) + " is damaged or truncated: fetch it again");
}

/// Reads exactly `count` bytes; zlib hands plain files through as they are.
void read_exactly(gzFile file, std::uint8_t* to, std::int64_t count, const fs::path& path) {
  constexpr std::int64_t kMostAtOnce = 1 << 30;
  while (count > 0) {
    const int got = gzread(file, to, static_cast<unsigned>(std::min(count, kMostAtOnce)));
    if (got <= 0) throw_damaged(path);
    to += got;
    count -= got;
  }
}

/// Reading on at the end is also what makes zlib compare the checksum of a compressed file.
void expect_end(gzFile file, const fs::path& path) {
  std::uint8_t behind = 0;
  const int got = gzread(file, &behind, 1);
  int error = Z_OK;
  gzerror(file, &error);
  if (got > 0) {
    throw UserError("IDX file " + quote(path.string()) +
                    " holds more data than its header states: fetch it again");
  }
  if (got < 0 || error != Z_OK) throw_damaged(path);
}

/// They are kept in memory whole.
constexpr FileKind kIdx{"an IDX file", std::int64_t{1} << 32};

/// What the values of a file may take: a compressed one of some kilobytes could fill the memory.
std::int64_t most_bytes(std::int64_t size) {
  constexpr std::int64_t kAnyFile = std::int64_t{1} << 28;
  constexpr std::int64_t kTimesItsSize = 20;
  return std::clamp(kTimesItsSize * size, kAnyFile, kIdx.limit);
}

/// An IDX file: two zero bytes, the type (8: unsigned byte), the rank, the sides as 32-bit
/// big-endian numbers, the values.
IdxFile read_idx(const fs::path& path, std::size_t rank) {
  constexpr std::uint8_t kUnsignedByte = 8;
  FileDescriptor opened = open_for_reading(path);
  const std::int64_t most = most_bytes(size_of(opened, kIdx, path));
  const std::unique_ptr<gzFile_s, decltype(&gzclose)> file(gzdopen(opened.get(), "rb"), gzclose);
  if (!file) throw_file_error("read", path, ENOMEM);
  opened.release();  // zlib closes it
  std::array<std::uint8_t, 4> magic{};
  read_exactly(file.get(), magic.data(), std::ssize(magic), path);
  if (magic[0] != 0 || magic[1] != 0 || magic[2] != kUnsignedByte || magic[3] != rank) {
    throw UserError("expected an IDX file of " + std::to_string(rank) +
                    " dimensions of bytes, found another header in " + quote(path.string()));
  }
  IdxFile idx;
  std::int64_t total = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    std::array<std::uint8_t, 4> number{};
    read_exactly(file.get(), number.data(), std::ssize(number), path);
    const std::int64_t side =
        std::int64_t{number[0]} << 24 | number[1] << 16 | number[2] << 8 | number[3];
    idx.shape.push_back(side);
    if (side < 1 || __builtin_mul_overflow(total, side, &total) || total > most) {
      throw UserError("IDX file " + quote(path.string()) +
                      " states an impossible size: fetch it again");
    }
  }
  // The stated size is believed piece by piece, as the bytes arrive.
  constexpr std::int64_t kPiece = 1 << 24;
  for (std::int64_t done = 0; done < total; done += kPiece) {
    const std::int64_t piece = std::min(kPiece, total - done);
    idx.values.resize(static_cast<std::size_t>(done + piece));
    read_exactly(file.get(), idx.values.data() + done, piece, path);
  }
  expect_end(file.get(), path);
  return idx;
}

class IdxSource : public ImageSource {
 public:
  IdxSource(fs::path path, IdxFile images, const std::vector<std::uint8_t>& labels,
            SourceAccount account)
      : path_(std::move(path)),
        images_(std::move(images)),
        header_(npy_header(PixelType::uint8, {images_.shape[1], images_.shape[2]})),
        account_(std::move(account)) {
    labels_.reserve(labels.size());
    for (const std::uint8_t label : labels) labels_.push_back(classes_.add(std::to_string(label)));
    classes_.settle();
    for (std::int64_t& label : labels_) label = classes_.index(label);
    account_.place = path_.string();
    account_.kind = "IDX file";
    account_.images = size();
    account_.images_note =
        " of " + std::to_string(images_.shape[1]) + "x" + std::to_string(images_.shape[2]);
    account_.labelled = std::ssize(labels_);
    account_.name_classes(classes());
  }

  std::int64_t size() const override { return images_.shape[0]; }
  std::string name(std::int64_t index) const override {
    return path_.string() + "[" + std::to_string(index) + "]";
  }
  std::int64_t label(std::int64_t index) const override {
    return labels_.empty() ? kNoLabel : labels_[static_cast<std::size_t>(index)];
  }
  const std::vector<std::string>& classes() const override { return classes_.names(); }
  bool has_numbered_classes() const override { return true; }
  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override {
    const std::int64_t area = images_.shape[1] * images_.shape[2];
    bytes.resize(header_.size() + static_cast<std::size_t>(area));
    std::memcpy(bytes.data(), header_.data(), header_.size());
    std::memcpy(bytes.data() + header_.size(), images_.values.data() + index * area,
                static_cast<std::size_t>(area));
  }
  SourceAccount account() const override { return account_; }

 private:
  fs::path path_;
  IdxFile images_;
  std::vector<std::int64_t> labels_;  ///< class indices
  ClassNames classes_;
  std::string header_;
  SourceAccount account_;
};

/// Where the name of an IDX file of images says so: "images-idx3", or with a dot as in many copies.
struct ImagesWord {
  std::size_t begin = 0;
  char separator = '-';
};

std::optional<ImagesWord> find_images_word(const std::string& name) {
  for (const char separator : {'-', '.', '_'}) {
    const std::size_t begin = name.find(std::string("images") + separator + "idx3");
    if (begin != std::string::npos) return ImagesWord{begin, separator};
  }
  return std::nullopt;
}

/// The label file beside an image file; the likeliest name if there is none, and `exists` is false.
fs::path label_path(const fs::path& images, bool& exists) {
  const std::string name = images.filename().string();
  const ImagesWord word = *find_images_word(name);
  std::string rest = name.substr(word.begin + std::string_view("images-idx3").size());
  if (rest.ends_with(".gz")) rest.resize(rest.size() - 3);
  const bool compressed = name.ends_with(".gz");
  std::error_code ignored;
  for (const bool same_ending : {true, false}) {
    for (const char separator : {word.separator, '-', '.', '_'}) {
      fs::path path =
          images.parent_path() / (name.substr(0, word.begin) + "labels" + separator + "idx1" +
                                  rest + (compressed == same_ending ? ".gz" : ""));
      exists = fs::exists(fs::symlink_status(path, ignored));
      if (exists) return path;
    }
  }
  return images.parent_path() / (name.substr(0, word.begin) + "labels" + word.separator + "idx1" +
                                 rest + (compressed ? ".gz" : ""));
}

bool is_of(const std::string& name, Split split) {
  if (split == Split::train) return name.find("train") != std::string::npos;
  return name.find("t10k") != std::string::npos || name.find("test") != std::string::npos;
}

}  // namespace

bool is_idx_images(const fs::path& file) {
  return find_images_word(file.filename().string()).has_value();
}

std::optional<fs::path> find_idx_images(const fs::path& folder, const FolderEntries& entries,
                                        Split split, SourceAccount& account) {
  std::vector<std::string> found;
  OtherKinds others;
  for (const std::string& name : entries.others) {
    const std::size_t words = name.find("-idx");
    if (is_idx_images(name)) {
      // In byte order a plain file comes before its compressed copy.
      if (is_of(name, split) && (found.empty() || name != found.back() + ".gz")) {
        found.push_back(name);
      }
    } else if (words == std::string::npos && name.find(".idx") == std::string::npos) {
      others.add(name);
    }
  }
  if (found.empty()) return std::nullopt;
  if (found.size() > 1) {
    throw UserError("expected one IDX file of images for " +
                    std::string(split == Split::train ? "training" : "testing") + " in " +
                    quote(folder.string()) + ", found " + std::to_string(found.size()) +
                    ", such as " + quote(found[0]) + " and " + quote(found[1]) +
                    ": give the path of one of them");
  }
  account.leave_out(entries.left_out);
  others.account(account);
  if (entries.images > 0) account.leave_out(kImageBeside, entries.first_image, entries.images);
  for (const std::string& name : entries.folders) account.leave_out(kFolderBeside, name);
  return folder / found.front();
}

std::unique_ptr<ImageSource> open_idx(const fs::path& images, SourceAccount account) {
  IdxFile pixels = read_idx(images, 3);
  std::vector<std::uint8_t> labels;
  bool exists = false;
  const fs::path path = label_path(images, exists);
  if (exists) {
    labels = read_idx(path, 1).values;
    if (std::ssize(labels) != pixels.shape[0]) {
      throw UserError("expected " + std::to_string(pixels.shape[0]) + " labels in " +
                      quote(path.string()) + ", found " + std::to_string(labels.size()) +
                      ": use the label file that belongs to the images");
    }
  } else {
    account.remarks.push_back("there is no " + path.filename().string() + " beside it");
  }
  return std::make_unique<IdxSource>(images, std::move(pixels), labels, std::move(account));
}

}  // namespace convmae
