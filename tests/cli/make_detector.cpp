/// Writes an untrained detector that takes milliseconds an image and finds something everywhere:
/// make_detector FILE.safetensors masks|boxes NAME...

#include "convmae/checkpoint/weights.h"
#include "convmae/detect/detector_checkpoint.h"

#include "support/small_detectors.h"
#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
  using namespace convmae;
  if (argc < 4) {
    std::fputs("usage: make_detector FILE.safetensors masks|boxes NAME...\n", stderr);
    return 2;
  }
  DetectorConfig config = small_detector("alpha");
  config.encoder.img_size = config.position_img_size = {64, 64};
  config.roi.masks = std::string_view(argv[2]) == "masks";
  std::vector<coco::Category> categories;
  for (int i = 3; i < argc; ++i) categories.push_back({7 + i, argv[i]});
  config.num_classes = std::ssize(categories);
  Detector detector(config);
  detector.initialise(1);
  CheckpointInfo info;
  info.model.encoder = config.encoder;
  info.preprocessing = default_preprocessing(3, config.encoder.img_size);
  info.task = task_of(config, categories);
  save_weights(argv[1], detector, info);
  return 0;
}
