#include "convmae/detect/detection_picture.h"

#include "convmae/coco/outlines.h"
#include "convmae/data/resize/resize.h"
#include "convmae/report/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace convmae {
namespace {

std::vector<ClosedLine> lines_of(const coco::Rle& mask) {
  std::vector<ClosedLine> lines;
  for (coco::Outline& outline : coco::outlines_of(mask)) lines.push_back(std::move(outline.points));
  return lines;
}

std::vector<ClosedLine> lines_of(const coco::MaskPlace& place, const coco::MaskStore& masks) {
  if (!place.is_rle()) return masks.polygons(place);
  return lines_of(coco::rle_from_text(masks.rle_size(place), masks.text(place)));
}

std::string with_score(const std::string& name, double score) {
  return name + " " + format_fixed(score, 2);
}

/// Colours that differ, also from most photographs: a few chosen ones, then any hue.
Colour colour_of(std::int64_t number) {
  constexpr std::array<Colour, 10> kChosen{{{255, 82, 82},
                                            {64, 156, 255},
                                            {255, 196, 0},
                                            {46, 204, 113},
                                            {224, 86, 253},
                                            {255, 140, 26},
                                            {0, 210, 211},
                                            {255, 121, 198},
                                            {163, 203, 56},
                                            {142, 124, 255}}};
  if (number < std::ssize(kChosen)) return kChosen[static_cast<std::size_t>(number)];
  // Every next hue falls into a wide gap between those before.
  constexpr double kGoldenRatio = 0.6180339887498949;
  const double hue = 6 * std::fmod(static_cast<double>(number) * kGoldenRatio, 1.0);
  const auto channel = [hue](double shift) {
    const double distance = std::abs(std::fmod(hue + shift, 6.0) - 3);
    return static_cast<std::uint8_t>(std::lround(70 + 185 * std::clamp(distance - 1, 0.0, 1.0)));
  };
  return {channel(0), channel(4), channel(2)};
}

Colour ink_upon(Colour paper) {
  const double light = 0.299 * paper.red + 0.587 * paper.green + 0.114 * paper.blue;
  constexpr double kLight = 140;
  return light > kLight ? Colour{20, 20, 20} : Colour{255, 255, 255};
}

ClosedLine rectangle(double left, double top, double width, double height) {
  return {left, top, left + width, top, left + width, top + height, left, top + height};
}

bool overlap(const Area& a, const Area& b) {
  return a.row < b.row + b.height && b.row < a.row + a.height && a.column < b.column + b.width &&
         b.column < a.column + a.width;
}

/// Objects on their way onto a picture.
class ObjectDrawing {
 public:
  ObjectDrawing(ShownImage& shown, MissingFonts& missing)
      : picture_(shown.picture),
        scale_(shown.scale),
        missing_(missing),
        canvas_(picture_, {0, 0, picture_.height, picture_.width}) {
    const auto side = static_cast<double>(std::max(picture_.height, picture_.width));
    line_ = std::clamp(side / 400, 1.5, 3.0);
    text_size_ = std::clamp<std::int64_t>(std::llround(side / 52), 11, 20);
  }

  void mask(const DrawnObject& object) {
    if (object.mask.empty()) return;
    std::vector<ClosedLine> lines = object.mask;
    for (ClosedLine& line : lines) {
      for (double& value : line) value *= scale_;
    }
    const Colour colour = colour_of(object.colour);
    canvas_.fill(lines, {colour, 0.4});
    canvas_.stroke(lines, line_ * 0.6, {colour, 0.95});
  }

  void box(const DrawnObject& object) {
    const auto [x, y, width, height] = object.box;
    const std::array<ClosedLine, 1> lines{
        rectangle(x * scale_, y * scale_, width * scale_, height * scale_)};
    canvas_.stroke(lines, line_, {colour_of(object.colour)});
  }

  /// Chooses the place of a label: the first of several at the box that is free.
  void place_label(const DrawnObject& object) {
    if (object.label.empty()) return;
    const std::int64_t pad = text_size_ / 4;
    const std::int64_t height = line_height(object.label, text_size_);
    const std::int64_t width =
        std::min(text_width(object.label, text_size_) + 2 * pad, picture_.width);
    const auto pixel = [this](double value) {
      return static_cast<std::int64_t>(std::lround(value * scale_));
    };
    const std::int64_t left = pixel(object.box[0]);
    const std::int64_t right = pixel(object.box[0] + object.box[2]) - width;
    const std::int64_t top = pixel(object.box[1]);
    const std::int64_t bottom = pixel(object.box[1] + object.box[3]);
    const std::array<Area, 7> places{{{top - height, left, height, width},
                                      {bottom, left, height, width},
                                      {top - height, right, height, width},
                                      {bottom, right, height, width},
                                      {top, left, height, width},
                                      {bottom - height, left, height, width},
                                      {top, right, height, width}}};
    Area chosen = within(places[0]);
    for (const Area& place : places) {
      if (place.row < 0 || place.row + height > picture_.height) continue;
      const Area inside = within(place);
      if (std::ranges::any_of(labels_,
                              [&](const Label& other) { return overlap(other.area, inside); })) {
        continue;
      }
      chosen = inside;
      break;
    }
    labels_.push_back({chosen, &object, pad});
  }

  void labels() {
    // Back to front.
    for (std::size_t i = labels_.size(); i-- > 0;) {
      const Label& label = labels_[i];
      const Colour paper = colour_of(label.object->colour);
      const Area& area = label.area;
      const std::array<ClosedLine, 1> chip{
          rectangle(static_cast<double>(area.column), static_cast<double>(area.row),
                    static_cast<double>(area.width), static_cast<double>(area.height))};
      canvas_.fill(chip, {paper, 0.88});
      canvas_.text(area.row, area.column + label.pad, area.width - label.pad, label.object->label,
                   {text_size_, ink_upon(paper)}, missing_);
    }
  }

 private:
  struct Label {
    Area area;
    const DrawnObject* object;
    std::int64_t pad;
  };

  Area within(Area area) const {
    area.row = std::clamp<std::int64_t>(area.row, 0,
                                        std::max<std::int64_t>(0, picture_.height - area.height));
    area.column = std::clamp<std::int64_t>(area.column, 0,
                                           std::max<std::int64_t>(0, picture_.width - area.width));
    return area;
  }

  Picture& picture_;
  double scale_;
  MissingFonts& missing_;
  Canvas canvas_;
  double line_ = 0;
  std::int64_t text_size_ = 0;
  std::vector<Label> labels_;
};

Picture picture_of(const Image& image) {
  if (image.type() == PixelType::uint8) {
    return picture_from_bytes(image.values<std::uint8_t>(), image.height(), image.width(),
                              image.channels());
  }
  return picture_from_float(image.values<float>(), image.height(), image.width(), image.channels());
}

/// Pixels in 0..1 unless they are bytes.
void bring_to_unit_range(Image& image, Image& scratch) {
  if (image.type() == PixelType::uint8) return;
  const float scale = full_scale(image.type());
  convert_to_float(image, scratch);
  for (float& value : scratch.values<float>()) value /= scale;
  std::swap(image, scratch);
}

}  // namespace

std::vector<DrawnObject> drawn_objects(std::span<const FoundObject> objects,
                                       const std::vector<std::string>& names) {
  std::vector<DrawnObject> drawn;
  drawn.reserve(objects.size());
  for (const FoundObject& object : objects) {
    const std::string& name = names[static_cast<std::size_t>(object.category)];
    drawn.push_back({object.box, object.mask ? lines_of(*object.mask) : std::vector<ClosedLine>{},
                     object.category, with_score(name, object.score)});
  }
  return drawn;
}

std::vector<DrawnObject> drawn_annotations(const coco::Dataset& dataset, std::int64_t image) {
  std::vector<DrawnObject> drawn;
  for (const coco::Annotation& annotation : dataset.annotations_of(image)) {
    const std::string& name =
        dataset.categories()[static_cast<std::size_t>(annotation.category)].name;
    drawn.push_back({annotation.box, lines_of(annotation.mask, dataset.masks()),
                     annotation.category, annotation.crowd ? name + " (crowd)" : name});
  }
  return drawn;
}

DrawnObject drawn_detection(const coco::Detection& detection, const coco::Results& results,
                            const coco::Dataset& dataset) {
  const std::string& name = dataset.categories()[static_cast<std::size_t>(detection.category)].name;
  return {detection.box, lines_of(detection.mask, results.masks()), detection.category,
          with_score(name, detection.score)};
}

ShownImage shown_image(const ImageSource& source, std::int64_t index, DecodeOptions decode,
                       std::int64_t least, std::int64_t most) {
  std::vector<std::uint8_t> encoded;
  source.read(index, encoded);
  decode.apply_exif_orientation = true;
  Image image;
  decode_image(encoded, decode, image);
  Image other;
  bring_to_unit_range(image, other);
  ShownImage shown;
  const std::int64_t side = std::max(image.height(), image.width());
  const std::int64_t wanted = std::clamp(side, least, most);
  shown.scale = static_cast<double>(wanted) / static_cast<double>(side);
  const auto scaled = [&](std::int64_t length) {
    return std::max<std::int64_t>(std::llround(static_cast<double>(length) * shown.scale), 1);
  };
  if (wanted != side) {
    Resizer resizer;
    resizer.resize(image, {0, 0, image.height(), image.width()},
                   {scaled(image.height()), scaled(image.width())}, Filter::bicubic, other);
    std::swap(image, other);
  }
  shown.picture = picture_of(image);
  return shown;
}

Picture draw_objects(ShownImage shown, std::span<const DrawnObject> objects,
                     MissingFonts& missing) {
  {
    ObjectDrawing drawing(shown, missing);
    for (std::size_t i = objects.size(); i > 0; --i) drawing.mask(objects[i - 1]);
    for (std::size_t i = objects.size(); i > 0; --i) drawing.box(objects[i - 1]);
    for (const DrawnObject& object : objects) drawing.place_label(object);
    drawing.labels();
  }
  return std::move(shown.picture);
}

Picture beside_truth(const Picture& truth, const Picture& found, const std::string& caption,
                     MissingFonts& missing) {
  constexpr Colour kPaper{250, 250, 249};
  constexpr std::int64_t kMargin = 12;
  constexpr Lettering kHeading{15, {92, 96, 102}};
  constexpr Lettering kCaption{15, {44, 47, 51}};
  const std::int64_t heading = line_height("annotated", kHeading.size);
  const std::int64_t below = line_height(caption, kCaption.size);
  const std::int64_t top = kMargin + heading + kMargin / 2;
  const std::int64_t height = std::max(truth.height, found.height);
  const std::int64_t right = 2 * kMargin + truth.width;
  Picture sheet(top + height + kMargin / 2 + below + kMargin, right + found.width + kMargin,
                kPaper);
  copy_into(sheet, truth, top, kMargin);
  copy_into(sheet, found, top, right);
  Canvas canvas(sheet, {0, 0, sheet.height, sheet.width});
  canvas.text(kMargin, kMargin, truth.width, "annotated", kHeading, missing);
  canvas.text(kMargin, right, found.width, "found", kHeading, missing);
  canvas.text(top + height + kMargin / 2, kMargin, sheet.width - 2 * kMargin, caption, kCaption,
              missing);
  return sheet;
}

}  // namespace convmae
