#pragma once

#include "convmae/data/sources/source.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace convmae {

/// One kind of feature that every image has.
struct FeatureArray {
  std::string name;
  std::vector<std::int64_t> shape;  ///< of one image's part
};

/// Files with the features of a source's images, written while they are computed: see
/// write_features. Nothing appears before `commit`.
class FeatureWriter {
 public:
  /// Throws UserError if the name ends in neither .safetensors nor .npy, or if a file that is
  /// written beside it is there already and not from an earlier call.
  FeatureWriter(const std::filesystem::path& out, const ImageSource& source,
                const std::vector<FeatureArray>& arrays);
  ~FeatureWriter();
  FeatureWriter(const FeatureWriter&) = delete;
  FeatureWriter& operator=(const FeatureWriter&) = delete;

  /// The features of the next images in array number `array`.
  void append(std::size_t array, std::span<const float> values);
  /// Returns the files.
  std::vector<std::filesystem::path> commit();

 private:
  class Arrays;
  class SafetensorsArrays;
  class NpyArrays;

  const ImageSource& source_;
  std::filesystem::path list_;
  std::unique_ptr<Arrays> arrays_;
};

}  // namespace convmae
