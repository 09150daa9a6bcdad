#include "convmae/segment/segmentation_pictures.h"

#include "convmae/io/csv.h"
#include "convmae/report/canvas.h"
#include "convmae/report/png.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>

namespace convmae {
namespace {

constexpr Colour kWhite{255, 255, 255};
constexpr std::int64_t kGap = 4;
constexpr std::int64_t kMostPaletteIds = 256;

/// Hues one golden angle apart are far from each other, however many there are; every third is
/// darker and every other third paler.
Colour colour_of_number(std::int64_t number) {
  constexpr double kGoldenShare = 0.61803398874989485;
  constexpr std::array<double, 3> kBrightness{0.95, 0.7, 0.9};
  constexpr std::array<double, 3> kSaturation{0.85, 0.9, 0.5};
  const double turns = static_cast<double>(number) * kGoldenShare;
  const double hue = 6 * (turns - std::floor(turns));
  const auto kind = static_cast<std::size_t>(number % 3);
  // Of a hue from 0 to 6: how far a channel whose peak is there is from it.
  const auto channel = [&](double peak) {
    const double away = std::fabs(std::remainder(hue - peak, 6.0));
    const double share = std::clamp(2 - away, 0.0, 1.0);
    return static_cast<std::uint8_t>(
        std::lround(255 * kBrightness.at(kind) * (1 - kSaturation.at(kind) * (1 - share))));
  };
  return {channel(0), channel(2), channel(4)};
}

std::uint8_t middle(std::uint8_t one, std::uint8_t other) {
  return static_cast<std::uint8_t>((one + other) / 2);
}

/// `picture` at a place of a larger one.
void paste(const Picture& picture, std::int64_t row, std::int64_t column, Picture& onto) {
  for (std::int64_t y = 0; y < picture.height; ++y) {
    const auto* const from = picture.rgb.data() + y * picture.width * 3;
    std::copy_n(from, picture.width * 3, onto.rgb.data() + ((row + y) * onto.width + column) * 3);
  }
}

}  // namespace

std::vector<Colour> colours_of(const LabelScheme& scheme) {
  std::vector<Colour> colours;
  for (std::int64_t k = 0; k < scheme.num_classes(); ++k) {
    const std::optional<Rgb> own = scheme.palette().colour_of(scheme.id_of(k));
    colours.push_back(own ? Colour{(*own)[0], (*own)[1], (*own)[2]} : colour_of_number(k));
  }
  return colours;
}

Picture picture_of_image(const ImageSource& source, std::int64_t index,
                         const DecodeOptions& decode) {
  std::vector<std::uint8_t> bytes;
  source.read(index, bytes);
  DecodeOptions upright = decode;
  upright.apply_exif_orientation = true;
  upright.channels = 0;
  Image image;
  decode_image(bytes, upright, image);
  if (image.type() == PixelType::uint8) {
    return picture_from_bytes(image.values<std::uint8_t>(), image.height(), image.width(),
                              image.channels());
  }
  Image numbers;
  convert_to_float(image, numbers);
  const float scale = full_scale(image.type());
  for (float& value : numbers.values<float>()) value /= scale;
  return picture_from_float(numbers.values<float>(), image.height(), image.width(),
                            image.channels());
}

Picture overlay(const Picture& image, std::span<const std::int16_t> classes,
                const std::vector<Colour>& colours) {
  Picture picture = image;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] < 0) continue;
    const Colour colour = colours.at(static_cast<std::size_t>(classes[i]));
    std::uint8_t* const pixel = &picture.rgb[3 * i];
    pixel[0] = middle(pixel[0], colour.red);
    pixel[1] = middle(pixel[1], colour.green);
    pixel[2] = middle(pixel[2], colour.blue);
  }
  return picture;
}

Picture class_picture(Size size, std::span<const std::int16_t> classes,
                      const std::vector<Colour>& colours) {
  Picture picture(size.height, size.width, Colour{});
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] < 0) continue;
    const Colour colour = colours.at(static_cast<std::size_t>(classes[i]));
    std::copy_n(std::array{colour.red, colour.green, colour.blue}.begin(), 3, &picture.rgb[3 * i]);
  }
  return picture;
}

std::int64_t thinning_step(Size size, std::int64_t longest) {
  return std::max<std::int64_t>((std::max(size.height, size.width) + longest - 1) / longest, 1);
}

Size thinned_size(Size size, std::int64_t step) {
  return {(size.height + step - 1) / step, (size.width + step - 1) / step};
}

std::vector<std::int16_t> thinned(std::span<const std::int16_t> classes, Size size,
                                  std::int64_t step) {
  std::vector<std::int16_t> result;
  for (std::int64_t row = 0; row < size.height; row += step) {
    for (std::int64_t column = 0; column < size.width; column += step) {
      result.push_back(classes[static_cast<std::size_t>(row * size.width + column)]);
    }
  }
  return result;
}

Picture thinned(const Picture& picture, std::int64_t longest) {
  const Size size{picture.height, picture.width};
  const std::int64_t step = thinning_step(size, longest);
  if (step == 1) return picture;
  const Size small_size = thinned_size(size, step);
  Picture small(small_size.height, small_size.width, Colour{});
  for (std::int64_t row = 0; row < small.height; ++row) {
    for (std::int64_t column = 0; column < small.width; ++column) {
      small.set(row, column, picture.at(row * step, column * step));
    }
  }
  return small;
}

Picture side_by_side(const std::vector<Picture>& pictures) {
  std::int64_t height = 0;
  std::int64_t width = -kGap;
  for (const Picture& picture : pictures) {
    height = std::max(height, picture.height);
    width += kGap + picture.width;
  }
  Picture all(height, std::max<std::int64_t>(width, 0), kWhite);
  std::int64_t column = 0;
  for (const Picture& picture : pictures) {
    paste(picture, 0, column, all);
    column += picture.width + kGap;
  }
  return all;
}

Picture one_below_another(const std::vector<Picture>& pictures) {
  std::int64_t height = -kGap;
  std::int64_t width = 0;
  for (const Picture& picture : pictures) {
    height += kGap + picture.height;
    width = std::max(width, picture.width);
  }
  Picture all(std::max<std::int64_t>(height, 0), width, kWhite);
  std::int64_t row = 0;
  for (const Picture& picture : pictures) {
    paste(picture, row, 0, all);
    row += picture.height + kGap;
  }
  return all;
}

Picture legend(const LabelScheme& scheme, const std::vector<std::int64_t>& classes,
               MissingFonts& missing) {
  constexpr std::int64_t kSize = 14;
  constexpr std::int64_t kRow = 22;
  constexpr std::int64_t kField = 26;
  constexpr std::int64_t kColumn = 220;
  constexpr std::int64_t kMostRows = 25;
  const std::int64_t count = std::ssize(classes);
  const std::int64_t columns = std::max<std::int64_t>((count + kMostRows - 1) / kMostRows, 1);
  const std::int64_t rows = std::max<std::int64_t>((count + columns - 1) / columns, 1);
  const std::vector<Colour> colours = colours_of(scheme);
  Picture picture(rows * kRow + kGap, columns * kColumn, kWhite);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t k = classes[static_cast<std::size_t>(i)];
    const std::int64_t row = i % rows * kRow + kGap;
    const std::int64_t column = i / rows * kColumn + kGap;
    paste(Picture(kRow - kGap, kField, colours.at(static_cast<std::size_t>(k))), row, column,
          picture);
    const std::int64_t left = column + kField + 2 * kGap;
    const std::string name =
        std::to_string(scheme.id_of(k)) + "  " + scheme.classes()[static_cast<std::size_t>(k)].name;
    Canvas(picture, {row, left, kRow, kColumn - left % kColumn})
        .text(0, 0, kColumn - left % kColumn, name, {kSize, Colour{}}, missing);
  }
  return picture;
}

std::string legend_csv(const LabelScheme& scheme, const std::vector<std::int64_t>& classes) {
  const std::vector<Colour> colours = colours_of(scheme);
  std::string text = "id,name,red,green,blue\n";
  for (const std::int64_t k : classes) {
    const Colour colour = colours.at(static_cast<std::size_t>(k));
    text += std::to_string(scheme.id_of(k)) + ',' +
            csv_field(scheme.classes()[static_cast<std::size_t>(k)].name);
    for (const int value : {colour.red, colour.green, colour.blue}) {
      text += ',' + std::to_string(value);
    }
    text += '\n';
  }
  return text;
}

std::vector<std::uint8_t> label_png(const LabelScheme& scheme, Size size,
                                    std::span<const std::int16_t> classes) {
  std::vector<std::uint16_t> id_of;
  for (std::int64_t k = 0; k < scheme.num_classes(); ++k) {
    id_of.push_back(static_cast<std::uint16_t>(scheme.id_of(k)));
  }
  const std::uint16_t largest = *std::ranges::max_element(id_of);
  const auto id_at = [&](std::size_t i) { return id_of.at(static_cast<std::size_t>(classes[i])); };
  if (largest >= kMostPaletteIds) {
    std::vector<std::uint16_t> ids(classes.size());
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = id_at(i);
    return encode_grey_png(ids, size.height, size.width);
  }
  std::vector<Colour> palette(static_cast<std::size_t>(largest) + 1);
  const std::vector<Colour> colours = colours_of(scheme);
  for (std::size_t k = 0; k < colours.size(); ++k) palette[id_of[k]] = colours[k];
  std::vector<std::uint8_t> ids(classes.size());
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::uint8_t>(id_at(i));
  return encode_palette_png(ids, size.height, size.width, palette);
}

}  // namespace convmae
