#pragma once

#include "convmae/base/file_descriptor.h"
#include "convmae/base/read_file.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <span>
#include <string>

namespace convmae::coco {

/// The bytes of a file, a piece in memory at a time.
class ByteStream {
 public:
  explicit ByteStream(const std::filesystem::path& path)
      : path_(path), file_(open_for_reading(path)), piece_(kPiece, '\0') {
    fill();
  }
  bool at_end() const { return place_ == size_; }
  char current() const { return piece_[place_]; }
  void advance() {
    if (++place_ == size_) fill();
  }

 private:
  static constexpr std::size_t kPiece = std::size_t{1} << 18;

  void fill() {
    size_ = read_at(file_, offset_, std::as_writable_bytes(std::span(piece_)), path_);
    offset_ += static_cast<std::int64_t>(size_);
    place_ = 0;
  }

  std::filesystem::path path_;
  FileDescriptor file_;
  std::string piece_;
  std::size_t place_ = 0;
  std::size_t size_ = 0;
  std::int64_t offset_ = 0;
};

/// An input iterator over a ByteStream; one without a stream is the end.
class ByteIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  ByteIterator() = default;
  explicit ByteIterator(ByteStream& stream) : stream_(&stream) {}
  char operator*() const { return stream_->current(); }
  ByteIterator& operator++() {
    stream_->advance();
    return *this;
  }
  void operator++(int) { stream_->advance(); }
  bool operator==(const ByteIterator& other) const { return ended() == other.ended(); }

 private:
  bool ended() const { return stream_ == nullptr || stream_->at_end(); }

  ByteStream* stream_ = nullptr;
};

}  // namespace convmae::coco
