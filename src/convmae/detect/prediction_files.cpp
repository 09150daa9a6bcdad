#include "convmae/detect/prediction_files.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/directories.h"
#include "convmae/report/png.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <utility>

namespace convmae {
namespace {

constexpr const char* kResults = "detections.json";
constexpr const char* kAnnotations = "annotations.json";
constexpr const char* kImages = "images.json";
constexpr const char* kPictures = "pictures";

// Large enough for lettering, small enough to look through many of them.
constexpr std::int64_t kLeastSide = 640;
constexpr std::int64_t kMostSide = 1024;
constexpr std::int64_t kMostSideBesideTruth = 720;

/// A name without folders and ending, fit for a file on any system.
std::string plain_name(const std::string& file_name) {
  constexpr std::size_t kLongest = 100;
  std::string name = brief(std::filesystem::path(file_name).stem().string(), kLongest);
  for (char& c : name) {
    if (std::string_view("/\\:*?\"<>|").find(c) != std::string_view::npos) c = '_';
  }
  return name;
}

std::string picture_name(std::int64_t sample, const std::string& file_name) {
  std::array<char, 32> number{};
  std::snprintf(number.data(), number.size(), "%06lld-", static_cast<long long>(sample));
  return number.data() + plain_name(file_name) + ".png";
}

}  // namespace

PredictionFormat parse_prediction_format(const std::string& name) {
  if (name == "coco_results") return PredictionFormat::coco_results;
  if (name == "coco") return PredictionFormat::coco;
  throw UserError("expected the format coco_results or coco, found " + quote(name));
}

void PredictionFiles::require(const std::filesystem::path& directory, bool pictures) {
  if (const std::string why = why_nothing_is_drawn(); pictures && !why.empty()) {
    throw UserError(why + ", or give --no_pictures");
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    return require_writable_directory(directory);
  }
  for (const char* const name : {kResults, kAnnotations, kImages, kPictures}) {
    const std::filesystem::path path = directory / name;
    if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) {
      throw UserError(quote(path.string()) +
                      " is there already: choose another --out, or move it away");
    }
  }
  require_writable(directory / kResults);
}

PredictionFiles::PredictionFiles(const std::filesystem::path& directory, PredictionFormat format,
                                 bool pictures, PredictionSubject subject)
    : subject_(std::move(subject)), objects_(subject_.names.size()) {
  make_directory(directory);
  if (pictures) picture_folder_ = directory / kPictures;
  if (subject_.truth) {
    const std::vector<coco::ImageRecord>& images = subject_.truth->images();
    for (std::size_t i = 0; i < images.size(); ++i) {
      known_.emplace(as_utf8(images[i].file_name), static_cast<std::int32_t>(i));
    }
    if (!images.empty()) first_new_id_ = images.back().id + 1;
  }
  if (format == PredictionFormat::coco_results) {
    list_path_ = directory / kResults;
    results_ = std::make_unique<coco::ResultsWriter>(list_path_);
    if (subject_.truth) return;
  } else {
    list_path_ = directory / kAnnotations;
  }
  dataset_ = std::make_unique<coco::DatasetWriter>(results_ ? directory / kImages : list_path_,
                                                   subject_.categories);
}

std::int64_t PredictionFiles::colour_of_category(std::int64_t category) const {
  const std::int64_t id = subject_.truth->categories()[static_cast<std::size_t>(category)].id;
  const auto same = std::ranges::find(subject_.ids, std::optional(id));
  const std::int64_t unknown = std::ssize(subject_.ids) + category;
  return same == subject_.ids.end() ? unknown : same - subject_.ids.begin();
}

PredictionFiles::NamedImage PredictionFiles::named(std::int64_t sample) const {
  NamedImage image;
  const std::filesystem::path path = subject_.source->name(sample);
  const std::filesystem::path within = path.lexically_relative(subject_.folder);
  const bool is_within = !within.empty() && *within.begin() != "..";
  image.file_name = as_utf8((is_within ? within : path).string());
  image.id = first_new_id_ + sample;
  if (!subject_.truth) return image;
  auto found = known_.find(image.file_name);
  if (found == known_.end()) found = known_.find(path.filename().string());
  if (found != known_.end()) {
    image.truth = found->second;
    image.id = subject_.truth->images()[static_cast<std::size_t>(found->second)].id;
  }
  return image;
}

void PredictionFiles::add(const FoundImage& found) {
  const NamedImage image = named(found.sample);
  if (dataset_) dataset_->add_image({image.id, found.size, image.file_name});
  const std::vector<coco::ResultLine> lines = result_lines(found, image.id, subject_.ids);
  for (const coco::ResultLine& line : lines) {
    if (results_) {
      results_->add(line);
    } else {
      dataset_->add_annotation({line.image_id, line.category_id, line.box, line.mask, line.score});
    }
  }
  ++images_;
  for (const FoundObject& object : found.objects) {
    if (subject_.ids[static_cast<std::size_t>(object.category)]) {
      ++objects_[static_cast<std::size_t>(object.category)];
    }
  }
  if (!picture_folder_.empty()) draw(found, image);
}

void PredictionFiles::draw(const FoundImage& found, const NamedImage& image) {
  FoundImage named = found;
  std::erase_if(named.objects, [this](const FoundObject& object) {
    return !subject_.ids[static_cast<std::size_t>(object.category)];
  });
  const ShownImage shown = shown_image(*subject_.source, found.sample, subject_.decode, kLeastSide,
                                       image.truth ? kMostSideBesideTruth : kMostSide);
  Picture picture = draw_objects(shown, drawn_objects(named.objects, subject_.names), missing_);
  if (image.truth) {
    std::vector<DrawnObject> truth = drawn_annotations(*subject_.truth, *image.truth);
    for (DrawnObject& object : truth) object.colour = colour_of_category(object.colour);
    picture =
        beside_truth(draw_objects(shown, truth, missing_), picture, image.file_name, missing_);
  }
  // Where nothing can be used, nothing is there.
  if (images_ == 1) make_directory(picture_folder_);
  write_png(picture_folder_ / picture_name(found.sample, image.file_name), picture);
}

void PredictionFiles::commit() {
  if (results_) results_->commit();
  if (dataset_) dataset_->commit();
}

}  // namespace convmae
