#pragma once

#include "convmae/coco/results.h"
#include "convmae/train/batches.h"

#include <functional>
#include <string>
#include <utility>

namespace convmae {

/// Hands over what is found in images. Where processes share these, it is handed over in process 0,
/// when all have found everything, by rank; elsewhere nothing is.
class LineGatherer {
 public:
  LineGatherer(const ImageReading& reading, std::function<void(const coco::ResultLine&)> take)
      : group_(reading.group), take_(std::move(take)) {}

  void add(const coco::ResultLine& line);
  /// When all images of this process are done.
  void finish();

 private:
  ProcessGroup* group_;
  std::function<void(const coco::ResultLine&)> take_;
  std::string own_;  ///< lines of JSON
};

}  // namespace convmae
