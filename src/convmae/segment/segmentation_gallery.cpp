#include "convmae/segment/segmentation_gallery.h"

#include "convmae/base/error.h"
#include "convmae/dist/process_group.h"
#include "convmae/report/format.h"
#include "convmae/report/png.h"
#include "convmae/segment/segmentation_pictures.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>

namespace convmae {
namespace {

constexpr std::int64_t kLongestShown = 400;

}  // namespace

double mean_iou_of(const SegmentedImage& found, std::int64_t classes) {
  struct Counts {
    std::int64_t labels = 0;
    std::int64_t predicted = 0;
    std::int64_t both = 0;
  };
  std::vector<Counts> counts(static_cast<std::size_t>(classes));
  for (std::size_t i = 0; i < found.labels.size(); ++i) {
    if (found.labels[i] == LabelMap::kIgnored) continue;
    Counts& own = counts.at(static_cast<std::size_t>(found.labels[i]));
    ++own.labels;
    ++counts.at(static_cast<std::size_t>(found.predicted[i])).predicted;
    if (found.labels[i] == found.predicted[i]) ++own.both;
  }
  double sum = 0;
  double present = 0;
  for (const Counts& own : counts) {
    if (own.labels == 0) continue;
    sum +=
        static_cast<double>(own.both) / static_cast<double>(own.labels + own.predicted - own.both);
    present += 1;
  }
  return present == 0 ? 1 : sum / present;
}

SegmentationGallery::SegmentationGallery(LabelledPairs data, std::int64_t even, std::int64_t worst)
    : data_(std::move(data)),
      colours_(colours_of(*data_.scheme)),
      even_(std::min(even, data_.pairs->size())),
      most_worst_(worst) {}

void SegmentationGallery::add(const SegmentedImage& found) {
  const double iou = mean_iou_of(found, data_.scheme->num_classes());
  // The images at i * size / even.
  const std::int64_t size = data_.pairs->size();
  const std::int64_t turn = even_ == 0 ? 0 : (found.sample * even_ + size - 1) / size;
  const bool is_even = turn < even_ && turn * size / even_ == found.sample;
  const bool is_worst =
      std::ssize(worst_) < most_worst_ || (most_worst_ > 0 && iou < worst_.front().iou);
  if (!is_even && !is_worst) return;
  Shown shown = shown_of(found, iou);
  if (is_worst) keep_worst(shown);
  if (is_even) shown_.push_back(std::move(shown));
}

void SegmentationGallery::keep_worst(Shown shown) {
  const auto place =
      std::ranges::lower_bound(worst_, shown.iou, std::ranges::greater(), &Shown::iou);
  worst_.insert(place, std::move(shown));
  if (std::ssize(worst_) > most_worst_) worst_.erase(worst_.begin());
}

void SegmentationGallery::gather(const ImageReading& reading) {
  if (reading.group == nullptr) return;
  using Json = nlohmann::json;
  const auto json_of = [](const std::vector<Shown>& images) {
    Json json = Json::array();
    for (const Shown& shown : images) {
      json.push_back({shown.sample, shown.size.height, shown.size.width, shown.predicted,
                      shown.labels, shown.iou});
    }
    return json;
  };
  const auto of_json = [](const Json& json) {
    return Shown{json.at(0), {json.at(1), json.at(2)}, json.at(3), json.at(4), json.at(5)};
  };
  const std::vector<std::uint8_t> own = Json::to_cbor({json_of(shown_), json_of(worst_)});
  const std::vector<std::string> all = reading.group->gather({own.begin(), own.end()});
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    const Json json = Json::from_cbor(all[rank]);
    for (const Json& shown : json.at(0)) shown_.push_back(of_json(shown));
    for (const Json& shown : json.at(1)) keep_worst(of_json(shown));
  }
  std::ranges::sort(shown_, {}, &Shown::sample);
}

SegmentationGallery::Shown SegmentationGallery::shown_of(const SegmentedImage& found,
                                                         double iou) const {
  const std::int64_t step = thinning_step(found.size, kLongestShown);
  return {found.sample, thinned_size(found.size, step), thinned(found.predicted, found.size, step),
          thinned(found.labels, found.size, step), iou};
}

Picture SegmentationGallery::picture_of(const Shown& shown, const DecodeOptions& decode) const {
  const Picture image =
      thinned(picture_of_image(*data_.pairs, shown.sample, decode), kLongestShown);
  return side_by_side(
      {image, overlay(image, shown.labels, colours_), overlay(image, shown.predicted, colours_)});
}

Picture SegmentationGallery::even_picture(const DecodeOptions& decode) const {
  std::vector<Picture> rows;
  rows.reserve(shown_.size());
  for (const Shown& shown : shown_) rows.push_back(picture_of(shown, decode));
  return one_below_another(rows);
}

std::vector<Figure> SegmentationGallery::figures_of(const std::vector<Shown>& images,
                                                    const DecodeOptions& decode) const {
  std::vector<Figure> figures;
  figures.reserve(images.size());
  for (const Shown& shown : images) {
    const std::string name = data_.pairs->name(shown.sample);
    figures.push_back({.label = "IoU " + format_share(shown.iou),
                       .caption = std::filesystem::path(name).filename().string(),
                       .png = encode_png(picture_of(shown, decode))});
  }
  return figures;
}

std::vector<Figure> SegmentationGallery::worst_figures(const DecodeOptions& decode) const {
  return figures_of(worst_, decode);
}

std::vector<Figure> SegmentationGallery::even_figures(const DecodeOptions& decode) const {
  return figures_of(shown_, decode);
}

}  // namespace convmae
