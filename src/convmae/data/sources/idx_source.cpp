#include "convmae/data/sources/idx_source.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/data/decode/npy.h"

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

constexpr std::string_view kImages = "images-idx3-ubyte";
constexpr std::string_view kLabels = "labels-idx1-ubyte";

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
  IdxSource(fs::path path, IdxFile images, std::vector<std::uint8_t> labels)
      : path_(std::move(path)),
        images_(std::move(images)),
        labels_(std::move(labels)),
        header_(npy_header(PixelType::uint8, {images_.shape[1], images_.shape[2]})) {
    if (labels_.empty()) return;
    const int largest = *std::max_element(labels_.begin(), labels_.end());
    for (int i = 0; i <= largest; ++i) classes_.push_back(std::to_string(i));
  }

  std::int64_t size() const override { return images_.shape[0]; }
  std::string name(std::int64_t index) const override {
    return path_.string() + "[" + std::to_string(index) + "]";
  }
  std::int64_t label(std::int64_t index) const override {
    return labels_.empty() ? kNoLabel : labels_[static_cast<std::size_t>(index)];
  }
  const std::vector<std::string>& classes() const override { return classes_; }
  bool has_numbered_classes() const override { return true; }
  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override {
    const std::int64_t area = images_.shape[1] * images_.shape[2];
    bytes.resize(header_.size() + static_cast<std::size_t>(area));
    std::memcpy(bytes.data(), header_.data(), header_.size());
    std::memcpy(bytes.data() + header_.size(), images_.values.data() + index * area,
                static_cast<std::size_t>(area));
  }
  std::string description() const override {
    return "IDX file " + printable(path_.string()) + ": " + std::to_string(size()) + " images of " +
           std::to_string(images_.shape[1]) + "x" + std::to_string(images_.shape[2]) +
           (classes_.empty() ? "" : " in " + std::to_string(classes_.size()) + " classes");
  }

 private:
  fs::path path_;
  IdxFile images_;
  std::vector<std::uint8_t> labels_;
  std::vector<std::string> classes_;
  std::string header_;
};

}  // namespace

bool is_idx_images(const fs::path& file) {
  return file.filename().string().find(kImages) != std::string::npos;
}

std::optional<fs::path> find_idx_images(const fs::path& folder, Split split) {
  const std::string stem = (split == Split::train ? "train-" : "t10k-") + std::string(kImages);
  for (const char* ending : {"", ".gz"}) {
    std::error_code ignored;
    fs::path file = folder / (stem + ending);
    if (fs::exists(file, ignored) && !fs::is_directory(file, ignored)) return file;
  }
  return std::nullopt;
}

std::unique_ptr<ImageSource> open_idx(const fs::path& images) {
  IdxFile pixels = read_idx(images, 3);
  std::string label_name = images.filename().string();
  label_name.replace(label_name.find(kImages), kImages.size(), kLabels);
  const fs::path label_path = images.parent_path() / label_name;
  std::vector<std::uint8_t> labels;
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(label_path, ignored))) {
    labels = read_idx(label_path, 1).values;
    if (std::ssize(labels) != pixels.shape[0]) {
      throw UserError("expected " + std::to_string(pixels.shape[0]) + " labels in " +
                      quote(label_path.string()) + ", found " + std::to_string(labels.size()) +
                      ": use the label file that belongs to the images");
    }
  }
  return std::make_unique<IdxSource>(images, std::move(pixels), std::move(labels));
}

}  // namespace convmae
