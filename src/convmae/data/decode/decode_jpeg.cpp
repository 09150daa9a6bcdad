#include "convmae/base/error.h"
#include "convmae/data/decode/decoders.h"
#include "convmae/data/decode/exif.h"

#include <jpeglib.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdio>  // jpeglib.h needs FILE
#include <jerror.h>
#include <string>
#include <utility>
#include <vector>

namespace convmae::decoders {
namespace {

// A progressive file of many scans takes time out of proportion to its size, as a scan of a few
// bytes may go through all blocks. Real encoders write about ten, most of them of one component. So
// many scans of a small image, and of a large one so many times all its blocks:
constexpr int kMaxScans = 256;
constexpr std::int64_t kMaxPasses = 32;
constexpr std::int64_t kBlocksOfASmallImage = std::int64_t{1} << 22;  // in all scans
constexpr std::int64_t kRowsAtOnce = 4;

struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  (*info->err->format_message)(info, errors->message.data());
  std::longjmp(errors->jump, 1);
}

[[noreturn]] void fail(j_common_ptr info, const char* what) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  std::snprintf(errors->message.data(), errors->message.size(), "%s", what);
  std::longjmp(errors->jump, 1);
}

// Damaged entropy-coded data are a warning to libjpeg, which goes on with grey blocks, as Pillow
// does.
void ignore_message(j_common_ptr /*info*/, int /*level*/) {}
void ignore_output(j_common_ptr /*info*/) {}

std::int64_t blocks_of(const jpeg_component_info& component) {
  return std::int64_t{component.width_in_blocks} * component.height_in_blocks;
}

struct ScanProgress {
  jpeg_progress_mgr base;
  int scan;
  std::int64_t blocks_left;  ///< that scans may still go through
};

void check_progress(j_common_ptr info) {
  const auto* decompress = reinterpret_cast<j_decompress_ptr>(info);
  auto* const progress = reinterpret_cast<ScanProgress*>(info->progress);
  if (decompress->input_scan_number == progress->scan) return;
  progress->scan = decompress->input_scan_number;
  if (progress->scan > kMaxScans) fail(info, "more than 256 scans");
  for (int i = 0; i < decompress->comps_in_scan; ++i) {
    progress->blocks_left -= blocks_of(*decompress->cur_comp_info[i]);
  }
  if (progress->blocks_left < 0) fail(info, "more scans than an image of its size can need");
}

// The whole file is in memory: asking for more means that it was cut off.
boolean no_more_data(j_decompress_ptr info) {
  fail(reinterpret_cast<j_common_ptr>(info), "the file is truncated");
}

void skip_data(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  jpeg_source_mgr* source = info->src;
  if (static_cast<std::size_t>(count) > source->bytes_in_buffer) no_more_data(info);
  source->next_input_byte += count;
  source->bytes_in_buffer -= static_cast<std::size_t>(count);
}

void do_nothing(j_decompress_ptr /*info*/) {}

// `cmyk` as the file has it: Adobe's convention stores 255 - ink, and Pillow assumes it always.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::int64_t width, std::uint8_t* rgb) {
  for (std::int64_t x = 0; x < width; ++x) {
    const std::uint8_t light = cmyk[4 * x + 3];
    for (std::int64_t c = 0; c < 3; ++c) {
      rgb[3 * x + c] = light_through_ink(255U - cmyk[4 * x + c], light);
    }
  }
}

/// One decompression. setjmp and the calls that can longjmp back to it share functions that hold no
/// object with a destructor; what needs one is a member and outlives the jump.
class JpegDecoder {
 public:
  explicit JpegDecoder(EncodedBytes encoded) : encoded_(encoded) {}
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  ~JpegDecoder() {
    if (created_) jpeg_destroy_decompress(&info_);
  }

  /// `turned`: there will be a second copy of the pixels.
  Box decode(const DecodeOptions& options, const PartChooser& choose_part, bool turned,
             Image& out) {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = on_error;
    errors_.base.emit_message = ignore_message;
    errors_.base.output_message = ignore_output;
    errors_.message.fill('\0');
    if (!read_header()) throw_error();
    ImageClaim claim{info_.image_height, info_.image_width, info_.num_components == 1 ? 1 : 3};
    check_claim("JPEG", claim, options);
    const int stored = info_.num_components;
    if (stored != 1 && stored != 3 && stored != 4) {
      throw UserError("JPEG of " + std::to_string(stored) +
                      " components is not supported: expected grey, colour or CMYK");
    }
    const std::int64_t visible = stored == 1 ? 1 : 3;
    const std::int64_t channels = resolve_channels("JPEG", visible, options);
    info_.out_color_space = stored == 4                    ? JCS_CMYK
                            : channels == 1 && stored == 1 ? JCS_GRAYSCALE
                                                           : JCS_RGB;
    claim.channels = info_.out_color_space == JCS_GRAYSCALE ? 1 : 3;
    claim.work = coefficient_bytes();
    if (turned) claim.work = std::max(claim.work, claim.height * claim.width * channels);
    check_claim("JPEG", claim, options);
    Box part = choose_part({info_.image_height, info_.image_width});
    if (options.fast_cover) part = reduce_to_cover(*options.fast_cover, part);
    if (!calculate_size()) throw_error();
    plan_around(part, {info_.output_height, info_.output_width});
    if (!start()) throw_error();
    const Size decoded{bottom_ - top_, info_.output_width};
    out.resize(decoded, info_.out_color_space == JCS_GRAYSCALE ? 1 : 3);
    if (stored == 4) line_.resize(static_cast<std::size_t>(decoded.width) * 4);
    if (!read_pixels(out)) throw_error();
    change_channels(out, channels);
    return {part.top - top_, part.left - left_, part.height, part.width};
  }

 private:
  bool read_header() {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_create_decompress(&info_);
    created_ = true;
    source_.init_source = do_nothing;
    source_.fill_input_buffer = no_more_data;
    source_.skip_input_data = skip_data;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = do_nothing;
    source_.next_input_byte = encoded_.data();
    source_.bytes_in_buffer = encoded_.size();
    info_.src = &source_;
    jpeg_read_header(&info_, TRUE);
    std::int64_t blocks = 0;
    for (int i = 0; i < info_.num_components; ++i) blocks += blocks_of(info_.comp_info[i]);
    progress_.blocks_left = std::max(kMaxPasses * blocks, kBlocksOfASmallImage);
    progress_.base.progress_monitor = check_progress;
    info_.progress = &progress_.base;
    has_several_scans_ = jpeg_has_multiple_scans(&info_) != 0;
    return true;
  }

  /// The library keeps all coefficients of an image that comes in several scans.
  std::int64_t coefficient_bytes() const {
    if (!has_several_scans_) return 0;
    const auto rounded_up = [](std::int64_t blocks, std::int64_t step) {
      return (blocks + step - 1) / step * step;
    };
    std::int64_t bytes = 0;
    for (int i = 0; i < info_.num_components; ++i) {
      const jpeg_component_info& component = info_.comp_info[i];
      bytes += rounded_up(component.width_in_blocks, component.h_samp_factor) *
               rounded_up(component.height_in_blocks, component.v_samp_factor) *
               static_cast<std::int64_t>(sizeof(JBLOCK));
    }
    return bytes;
  }

  /// The fast way: sets the scale and returns where `part` lies in the reduced image. Only the
  /// sizes that libjpeg-turbo has vector code for: the others cost more than they save.
  Box reduce_to_cover(Size cover, const Box& part) {
    info_.do_fancy_upsampling = FALSE;
    std::int64_t eighths = DCTSIZE;
    while (eighths > 1 && part.height * eighths >= cover.height * 2 * DCTSIZE &&
           part.width * eighths >= cover.width * 2 * DCTSIZE) {
      eighths /= 2;
    }
    info_.scale_num = static_cast<unsigned>(eighths);
    info_.scale_denom = DCTSIZE;
    const auto scaled = [eighths](std::int64_t begin, std::int64_t length) {
      const std::int64_t first = begin * eighths / DCTSIZE;
      const std::int64_t last = (begin + length) * eighths / DCTSIZE;
      return std::pair(first, std::max<std::int64_t>(last - first, 1));
    };
    const auto [top, height] = scaled(part.top, part.height);
    const auto [left, width] = scaled(part.left, part.width);
    return {top, left, height, width};
  }

  bool is_complete() const {
    return encoded_.size() >= 2 && encoded_[encoded_.size() - 2] == 0xFF &&
           encoded_[encoded_.size() - 1] == JPEG_EOI;
  }

  bool calculate_size() {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_calc_output_dimensions(&info_);
    return true;
  }

  /// Which rows and columns to decode for `part`: some more on each side, because the upsampling of
  /// colour looks at neighbours, and all rows if only the end of the data tells a whole file from a
  /// truncated one.
  void plan_around(const Box& part, Size size) {
    const std::int64_t margin = DCTSIZE;
    const bool complete = is_complete();
    left_ = static_cast<JDIMENSION>(std::max<std::int64_t>(part.left - margin, 0));
    width_ = static_cast<JDIMENSION>(std::min(part.left + part.width + margin, size.width) -
                                     std::int64_t{left_});
    top_ = complete ? std::max<std::int64_t>(part.top - margin, 0) : 0;
    bottom_ = complete ? part.top + part.height : size.height;
  }

  bool start() {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_start_decompress(&info_);
    if (width_ < info_.output_width) jpeg_crop_scanline(&info_, &left_, &width_);
    if (top_ > 0) jpeg_skip_scanlines(&info_, static_cast<JDIMENSION>(top_));
    return true;
  }

  bool read_pixels(Image& out) {
    if (setjmp(errors_.jump) != 0) return false;
    while (info_.output_scanline < bottom_) {
      auto* row = out.row<std::uint8_t>(info_.output_scanline - top_);
      if (!line_.empty()) {
        std::uint8_t* line = line_.data();
        jpeg_read_scanlines(&info_, &line, 1);
        cmyk_to_rgb(line, out.width(), row);
        continue;
      }
      // Some at a time: upsampling makes two rows at once and would keep a copy of the second.
      std::uint8_t* rows[kRowsAtOnce];
      const std::int64_t count =
          std::min<std::int64_t>(kRowsAtOnce, bottom_ - info_.output_scanline);
      for (std::int64_t i = 0; i < count; ++i) rows[i] = row + i * out.width() * out.channels();
      jpeg_read_scanlines(&info_, rows, static_cast<JDIMENSION>(count));
    }
    if (info_.output_scanline == info_.output_height) {
      jpeg_finish_decompress(&info_);
    } else {
      jpeg_abort_decompress(&info_);
    }
    return true;
  }

  [[noreturn]] void throw_error() const {
    const int code = errors_.base.msg_code;
    if (code == JERR_BAD_PRECISION || code == JERR_SOF_UNSUPPORTED) {
      throw UserError("expected a JPEG of 8 bits, baseline or progressive: " +
                      one_line(errors_.message.data()) + ": convert it");
    }
    throw UserError("damaged JPEG: " + one_line(errors_.message.data()));
  }

  EncodedBytes encoded_;
  bool created_ = false;
  jpeg_decompress_struct info_{};
  ErrorManager errors_{};
  jpeg_source_mgr source_{};
  ScanProgress progress_{};
  bool has_several_scans_ = false;
  std::vector<std::uint8_t> line_;
  JDIMENSION left_ = 0;
  JDIMENSION width_ = 0;
  std::int64_t top_ = 0;
  std::int64_t bottom_ = 0;
};

}  // namespace

Box jpeg(EncodedBytes encoded, const DecodeOptions& options, const PartChooser& choose_part,
         Image& out) {
  const int orientation = options.apply_exif_orientation ? orientation_of_jpeg(encoded) : 1;
  if (orientation == 1)
    return JpegDecoder(encoded).decode(options, choose_part, /*turned=*/false, out);
  DecodeOptions exact = options;  // the part is known only after turning
  exact.fast_cover.reset();
  JpegDecoder(encoded).decode(exact, whole_image, /*turned=*/true, out);
  apply_orientation(out, orientation);
  return choose_part(out.size());
}

}  // namespace convmae::decoders
