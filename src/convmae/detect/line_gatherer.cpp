#include "convmae/detect/line_gatherer.h"

#include "convmae/coco/rle.h"
#include "convmae/dist/process_group.h"

#include <nlohmann/json.hpp>

#include <sstream>
#include <string>

namespace convmae {
namespace {

/// What coco::result_json has written.
coco::ResultLine line_of(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  coco::ResultLine line{.image_id = json.at("image_id"),
                        .category_id = json.at("category_id"),
                        .box = json.at("bbox"),
                        .score = json.at("score"),
                        .mask = {}};
  if (const auto found = json.find("segmentation"); found != json.end()) {
    const Size size{found->at("size").at(0), found->at("size").at(1)};
    line.mask = coco::rle_from_text(size, found->at("counts").get<std::string>());
  }
  return line;
}

}  // namespace

void LineGatherer::add(const coco::ResultLine& line) {
  if (group_ == nullptr) {
    take_(line);
  } else {
    own_ += coco::result_json(line) + '\n';
  }
}

void LineGatherer::finish() {
  if (group_ == nullptr) return;
  for (const std::string& text : group_->gather(own_)) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) take_(line_of(line));
  }
  own_.clear();
}

}  // namespace convmae
