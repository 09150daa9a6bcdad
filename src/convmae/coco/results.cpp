#include "convmae/coco/results.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/coco/entry_checks.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <stdexcept>

namespace convmae::coco {

Results Results::read(const std::filesystem::path& path, const Dataset& dataset) {
  Results results;
  try {
    const FileShape shape =
        read_entries(path, [&](const Entry& entry) { results.add(entry, dataset); });
    if (!shape.is_list) {
      throw EntryFault("expected results, a list of detections, found something else");
    }
  } catch (const EntryFault& fault) {
    throw UserError("cannot read " + quote(path.string()) + ": " + fault.what());
  }
  return results;
}

void Results::add(const Entry& entry, const Dataset& dataset) {
  if (entry.kind != Entry::Kind::result) return;  // the shape of the file is refused at its end
  require_no_fault(entry);
  const std::optional<std::int32_t> image = dataset.find_image(*entry.image_id);
  if (!image) {
    throw EntryFault(entry.description() +
                     ": expected an image of the annotations, found image_id " +
                     std::to_string(*entry.image_id) + ", which they do not have");
  }
  Detection* const detection = append(*image, *entry.category_id, dataset);
  if (detection == nullptr) return;
  detection->score = *entry.score;
  detection->has_box = entry.has_box;
  detection->mask = store_mask(entry, masks_);
  detection->box = box_of(entry);
  if (!entry.has_box) {
    Rle mask;
    masks_.draw(detection->mask, dataset.images()[static_cast<std::size_t>(*image)].size, mask);
    detection->box = rle_box(mask);
  }
}

void Results::add(const ResultLine& line, const Dataset& dataset) {
  const std::optional<std::int32_t> image = dataset.find_image(line.image_id);
  if (!image) {
    throw std::logic_error("a detection in image " + std::to_string(line.image_id) +
                           ", which the dataset does not have");
  }
  Detection* const detection = append(*image, line.category_id, dataset);
  if (detection == nullptr) return;
  detection->score = line.score;
  detection->box = line.box;
  if (line.mask) detection->mask = masks_.add_rle(line.mask->size, rle_text(*line.mask));
}

Detection* Results::append(std::int32_t image, std::int64_t category_id, const Dataset& dataset) {
  const std::optional<std::int32_t> category = dataset.find_category(category_id);
  if (!category) {
    ++without_category_;
    return nullptr;
  }
  Detection& detection = detections_.emplace_back();
  detection.image = image;
  detection.category = *category;
  return &detection;
}

bool Results::has_masks() const {
  return std::ranges::any_of(detections_, [](const Detection& detection) {
    return detection.mask.kind != MaskPlace::Kind::none;
  });
}

std::string result_json(const ResultLine& line) {
  nlohmann::ordered_json json{{"image_id", line.image_id},
                              {"category_id", line.category_id},
                              {"bbox", line.box},
                              {"score", line.score}};
  if (line.mask) {
    json["segmentation"] = {{"size", {line.mask->size.height, line.mask->size.width}},
                            {"counts", rle_text(*line.mask)}};
  }
  return json_text(json);
}

ResultsWriter::ResultsWriter(const std::filesystem::path& path) : file_(path) { file_.write("["); }

void ResultsWriter::add(const ResultLine& line) {
  file_.write(separator_ + result_json(line));
  separator_ = ",\n";
}

void ResultsWriter::commit() {
  file_.write("]\n");
  file_.commit();
}

void write_results(const std::filesystem::path& path, const std::vector<ResultLine>& lines) {
  ResultsWriter writer(path);
  for (const ResultLine& line : lines) writer.add(line);
  writer.commit();
}

}  // namespace convmae::coco
