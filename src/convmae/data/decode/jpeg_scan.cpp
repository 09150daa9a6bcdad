#include "convmae/data/decode/jpeg_scan.h"

#include "convmae/data/decode/jpeg_kernels.h"

#include <algorithm>
#include <cstring>

namespace convmae {
namespace {

constexpr std::size_t kCoefficients = JpegKernels::kCoefficients;
constexpr std::int64_t kSide = 8;
// A block takes no more than 64 symbols of 16 bits with numbers of 15, of segments that end before.
constexpr std::size_t kOvershoot = 512;

/// Where the k-th coefficient of a block is stored: along the diagonals, from the corner.
struct Position {
  std::uint8_t u;  ///< along the width
  std::uint8_t v;
};

constexpr std::array<Position, kCoefficients> zigzag() {
  std::array<Position, kCoefficients> order{};
  std::size_t k = 0;
  for (std::int64_t sum = 0; sum < 2 * kSide - 1; ++sum) {
    for (std::int64_t i = 0; i <= sum; ++i) {
      const std::int64_t v = sum % 2 == 0 ? sum - i : i;  // every other diagonal upwards
      const std::int64_t u = sum - v;
      if (u < kSide && v < kSide) {
        order[k++] = {static_cast<std::uint8_t>(u), static_cast<std::uint8_t>(v)};
      }
    }
  }
  return order;
}

constexpr std::array<Position, kCoefficients> kZigzag = zigzag();

/// Removes stuffing, and the markers of restarts, whose segments end at `ends`. False if one of
/// those is missing.
bool remove_stuffing(std::span<const std::uint8_t> data, std::vector<std::uint8_t>& bytes,
                     std::vector<std::size_t>& ends) {
  constexpr std::uint8_t kMarker = 0xFF;
  constexpr std::uint8_t kFirstRestart = 0xD0;
  bytes.resize(data.size() + kOvershoot);
  ends.clear();
  const std::uint8_t* from = data.data();
  const std::uint8_t* const end = from + data.size();
  std::uint8_t* to = bytes.data();
  while (true) {
    const void* const found = std::memchr(from, kMarker, static_cast<std::size_t>(end - from));
    const auto* const marker = found == nullptr ? end : static_cast<const std::uint8_t*>(found);
    to = std::copy(from, marker, to);
    if (end - marker < 2) break;
    from = marker + 2;
    if (marker[1] == 0) {
      *to++ = kMarker;
      continue;
    }
    if (marker[1] < kFirstRestart || marker[1] >= kFirstRestart + 8) break;
    if (marker[1] != kFirstRestart + ends.size() % 8) return false;
    ends.push_back(static_cast<std::size_t>(to - bytes.data()));
  }
  ends.push_back(static_cast<std::size_t>(to - bytes.data()));
  std::fill(to, bytes.data() + bytes.size(), std::uint8_t{0});
  return true;
}

/// A component with all that its blocks need.
struct Channel {
  std::int64_t horizontal = 1;  ///< blocks in a unit
  std::int64_t vertical = 1;
  HuffmanTable dc;
  HuffmanTable ac;
  std::array<float, JpegKernels::kPositions> scale{};  ///< in the order of the file
  std::array<std::uint8_t, JpegKernels::kPositions> positions{};
  std::int16_t predictor = 0;

  std::int64_t side = kSide;           ///< of a decoded block, in pixels
  std::int64_t repeat_horizontal = 1;  ///< pixels of the output that one of this channel covers
  std::int64_t repeat_vertical = 1;
  std::int64_t stride = 0;
  std::vector<std::uint8_t> pixels;    ///< of a row of units
  std::vector<std::uint8_t> repeated;  ///< a line of them as wide as the output

  /// False if its codes are none, or differences have more than 15 bits.
  bool prepare(const JpegScan::Component& component) {
    positions.fill(JpegKernels::kOutside);
    for (std::size_t k = 0; k < kCoefficients; ++k) {
      const auto [u, v] = kZigzag[k];
      scale[k] = component.quantisation[static_cast<std::size_t>(kSide * v + u)];
      positions[k] = static_cast<std::uint8_t>(kSide * u + v);
    }
    const auto too_large = [](std::uint8_t symbol) { return symbol > 15; };
    return std::ranges::none_of(component.dc.symbols, too_large) && dc.build(component.dc) &&
           ac.build(component.ac);
  }

  BlockCode code() const {
    return {&dc, &ac, dc.entries(), ac.entries(), scale.data(), positions.data()};
  }
};

class ScanDecoder {
 public:
  ScanDecoder(const JpegScan& scan, std::int64_t eighths) : scan_(scan), eighths_(eighths) {}

  bool decode(const Box& part, Image& out, Box& where) {
    if (!prepare_channels() || !remove_stuffing(scan_.data, bytes_, ends_)) return false;
    const std::int64_t unit_height = most_vertical_ * eighths_;
    const std::int64_t unit_width = most_horizontal_ * eighths_;
    first_column_ = part.left / unit_width;
    end_column_ = (part.left + part.width - 1) / unit_width + 1;
    const std::int64_t first_row = part.top / unit_height;
    const std::int64_t end_row = (part.top + part.height - 1) / unit_height + 1;
    where = {part.top - first_row * unit_height, part.left - first_column_ * unit_width,
             part.height, part.width};
    out.resize({(end_row - first_row) * unit_height, (end_column_ - first_column_) * unit_width},
               std::ssize(channels_));
    const std::int64_t pixels_a_unit = most_horizontal_ * kSide;
    columns_ = (scan_.size.width + pixels_a_unit - 1) / pixels_a_unit;
    make_room();
    for (std::int64_t row = 0; row < end_row; ++row) {
      if (row < first_row) {
        if (!read_units<false>(0, columns_)) return false;
        continue;
      }
      if (!read_units<false>(0, first_column_) || !read_units<true>(first_column_, end_column_)) {
        return false;
      }
      write_row((row - first_row) * unit_height, out);
      const bool last = row + 1 == end_row;
      if (!last && !read_units<false>(end_column_, columns_)) return false;
    }
    return true;
  }

 private:
  bool prepare_channels() {
    std::int64_t blocks = 0;
    channels_.reserve(scan_.components.size());
    for (const JpegScan::Component& component : scan_.components) {
      Channel& channel = channels_.emplace_back();
      if (!channel.prepare(component)) return false;
      // A lone component comes block by block, whatever its header says.
      const bool alone = scan_.components.size() == 1;
      channel.horizontal = alone ? 1 : component.horizontal;
      channel.vertical = alone ? 1 : component.vertical;
      blocks += channel.horizontal * channel.vertical;
      most_horizontal_ = std::max(most_horizontal_, channel.horizontal);
      most_vertical_ = std::max(most_vertical_, channel.vertical);
    }
    constexpr std::int64_t kMostBlocks = 10;
    if (blocks > kMostBlocks) return false;
    for (Channel& channel : channels_) {
      if (most_horizontal_ % channel.horizontal != 0 || most_vertical_ % channel.vertical != 0) {
        return false;
      }
      channel.repeat_horizontal = most_horizontal_ / channel.horizontal;
      channel.repeat_vertical = most_vertical_ / channel.vertical;
      channel.side = eighths_;
      // Where the image is reduced, colour of a lower resolution is not.
      while (channel.side < kSide && channel.repeat_horizontal % 2 == 0 &&
             channel.repeat_vertical % 2 == 0) {
        channel.side *= 2;
        channel.repeat_horizontal /= 2;
        channel.repeat_vertical /= 2;
      }
    }
    return true;
  }

  void make_room() {
    for (Channel& channel : channels_) {
      channel.stride = (end_column_ - first_column_) * channel.horizontal * channel.side;
      const auto room = [](std::int64_t numbers) {
        return static_cast<std::size_t>(numbers) + JpegKernels::kMore;
      };
      channel.pixels.resize(room(channel.stride * channel.vertical * channel.side));
      channel.repeated.resize(room(channel.stride * channel.repeat_horizontal));
    }
  }

  /// The units [begin, end) of the current row.
  template <bool wanted>
  bool read_units(std::int64_t begin, std::int64_t end) {
    for (std::int64_t column = begin; column < end; ++column) {
      if (unit_ % interval() == 0 && !start_segment()) return false;
      ++unit_;
      for (Channel& channel : channels_) {
        const BlockCode code = channel.code();
        for (std::int64_t i = 0; i < channel.horizontal * channel.vertical; ++i) {
          if (!kernels_.read_block(in_, code, channel.predictor,
                                   wanted ? coefficients_.data() : nullptr) ||
              in_.next - (in_.count >> 3) > end_of_segment_) {
            return false;
          }
          if (wanted) transform(channel, column - first_column_, i);
        }
      }
    }
    return true;
  }

  /// Units between restarts; all of them if there are none.
  std::int64_t interval() const {
    return scan_.restart_interval > 0 ? scan_.restart_interval : INT64_MAX;
  }

  bool start_segment() {
    if (segment_ == ends_.size()) return false;
    const std::size_t begin = segment_ == 0 ? 0 : ends_[segment_ - 1];
    end_of_segment_ = bytes_.data() + ends_[segment_];
    in_ = {bytes_.data() + begin};
    for (Channel& channel : channels_) channel.predictor = 0;
    ++segment_;
    return true;
  }

  void transform(Channel& channel, std::int64_t column, std::int64_t block) {
    const std::int64_t x =
        (column * channel.horizontal + block % channel.horizontal) * channel.side;
    const std::int64_t y = block / channel.horizontal * channel.side;
    kernels_.inverse_transform(coefficients_.data(), static_cast<int>(channel.side),
                               channel.pixels.data() + y * channel.stride + x, channel.stride);
    coefficients_.fill(0.0F);
  }

  /// A row of units, as pixels of `out` from row `top` on.
  void write_row(std::int64_t top, Image& out) {
    for (std::int64_t y = 0; y < most_vertical_ * eighths_; ++y) {
      auto* const to = out.row<std::uint8_t>(top + y);
      if (channels_.size() == 1) {
        std::copy_n(line_of(0, y), out.width(), to);
      } else {
        kernels_.to_rgb(line_of(0, y), line_of(1, y), line_of(2, y), out.width(), to);
      }
    }
  }

  /// Line y of the row of units, in the width of the output.
  const std::uint8_t* line_of(std::size_t number, std::int64_t y) {
    Channel& channel = channels_[number];
    const std::uint8_t* const line =
        channel.pixels.data() + y / channel.repeat_vertical * channel.stride;
    if (channel.repeat_horizontal == 1) return line;
    if (y % channel.repeat_vertical == 0) {
      kernels_.repeat(line, channel.stride, channel.repeat_horizontal, channel.repeated.data());
    }
    return channel.repeated.data();
  }

  const JpegScan& scan_;
  std::int64_t eighths_;
  const JpegKernels& kernels_ = jpeg_kernels();
  std::vector<Channel> channels_;
  std::int64_t most_horizontal_ = 1;  ///< blocks in a unit
  std::int64_t most_vertical_ = 1;
  std::int64_t columns_ = 0;  ///< units in a row, and those of them that are wanted
  std::int64_t first_column_ = 0;
  std::int64_t end_column_ = 0;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::size_t> ends_;  ///< of segments
  std::size_t segment_ = 0;        ///< the next one
  const std::uint8_t* end_of_segment_ = nullptr;
  std::int64_t unit_ = 0;
  BitReader in_;
  alignas(64) std::array<float, kCoefficients + 1> coefficients_{};
};

}  // namespace

bool decode_jpeg_scan(const JpegScan& scan, std::int64_t eighths, const Box& part, Image& out,
                      Box& where) {
  return ScanDecoder(scan, eighths).decode(part, out, where);
}

}  // namespace convmae
