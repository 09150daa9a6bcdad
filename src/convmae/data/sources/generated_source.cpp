#include "convmae/data/sources/generated_source.h"

#include "convmae/base/random.h"
#include "convmae/data/image.h"
#include "convmae/data/resize/resize.h"

#include <jpeglib.h>

#include <algorithm>
#include <cmath>
#include <cstdio>  // jpeglib.h needs FILE
#include <cstdlib>
#include <utility>

namespace convmae {
namespace {

class GeneratedSource : public ImageSource {
 public:
  GeneratedSource(std::vector<std::vector<std::uint8_t>> files, Size size)
      : files_(std::move(files)), size_(size) {}

  std::int64_t size() const override { return std::ssize(files_); }
  std::string name(std::int64_t index) const override {
    return "generated image " + std::to_string(index);
  }
  std::int64_t label(std::int64_t /*index*/) const override { return kNoLabel; }
  const std::vector<std::string>& classes() const override { return classes_; }
  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override {
    bytes = files_[static_cast<std::size_t>(index)];
  }
  SourceAccount account() const override {
    return {.place = "generated",
            .images = size(),
            .images_note =
                " (JPEG) of " + std::to_string(size_.width) + "x" + std::to_string(size_.height)};
  }

 private:
  std::vector<std::vector<std::uint8_t>> files_;
  Size size_;
  std::vector<std::string> classes_;
};

/// Mostly the same in all three channels: photographs vary more in brightness than in colour.
Image noise(Size size, CounterRandom& random) {
  constexpr float kColour = 0.25F;
  Image image(size, 3, PixelType::float32);
  const auto values = image.values<float>();
  for (std::size_t i = 0; i < values.size(); i += 3) {
    const float brightness = random.uniform() - 0.5F;
    for (std::size_t c = i; c < i + 3; ++c) {
      values[c] = brightness + kColour * (random.uniform() - 0.5F);
    }
  }
  return image;
}

/// Noise of every scale, the coarse one strongest: the spectrum of photographs.
Image photo_like(Size size, CounterRandom& random) {
  Image sum(size, 3, PixelType::float32);
  std::fill_n(sum.row<float>(0), sum.num_values(), 128.0F);
  Image octave;
  float strength = 16;
  for (std::int64_t step = 1; step < std::min(size.height, size.width); step *= 2) {
    const Size coarse{size.height / step + 1, size.width / step + 1};
    const Image small = noise(coarse, random);
    Resizer().resize(small, {0, 0, coarse.height, coarse.width}, size, Filter::bicubic, octave);
    const auto from = octave.values<float>();
    const auto to = sum.values<float>();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += strength * from[i];
    strength *= 1.35F;
  }
  Image image(size, 3);
  std::transform(
      sum.values<float>().begin(), sum.values<float>().end(), image.row<std::uint8_t>(0),
      [](float value) { return static_cast<std::uint8_t>(std::clamp(value, 0.0F, 255.0F)); });
  return image;
}

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = static_cast<JDIMENSION>(image.width());
  info.image_height = static_cast<JDIMENSION>(image.height());
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    // libjpeg takes rows as non-const and does not write to them.
    auto* row = const_cast<std::uint8_t*>(image.row<std::uint8_t>(info.next_scanline));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  const std::unique_ptr<unsigned char, void (*)(void*)> owner(buffer, std::free);
  return {buffer, buffer + size};
}

}  // namespace

std::unique_ptr<ImageSource> generate_photos(std::int64_t count, Size size, int quality,
                                             std::uint64_t seed) {
  std::vector<std::vector<std::uint8_t>> files;
  for (std::int64_t i = 0; i < count; ++i) {
    CounterRandom random(seed, 0, static_cast<std::uint64_t>(i), Purpose::initialise);
    files.push_back(encode_jpeg(photo_like(size, random), quality));
  }
  return std::make_unique<GeneratedSource>(std::move(files), size);
}

}  // namespace convmae
