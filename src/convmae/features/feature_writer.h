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

class AtomicFile;

/// One kind of feature that every image has.
struct FeatureArray {
  std::string name;
  std::vector<std::int64_t> shape;  ///< of one image's part
};

/// Throws UserError if the features of these stages (none: one that the model decides) cannot be
/// written to `out` and beside it: an ending that is neither .safetensors nor .npy, a stage that is
/// there twice, a place where nothing can be written, a file that would be replaced although no
/// earlier call wrote it. To be asked before there is work to lose.
void require_feature_files(const std::filesystem::path& out,
                           const std::vector<std::int64_t>& stages);

/// Files with the features of a source's images, written while they are computed: see
/// write_features. Nothing appears before `commit`.
class FeatureWriter {
 public:
  /// `out` and the arrays' names are such that require_feature_files lets pass.
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

  std::unique_ptr<AtomicFile> list_;  ///< which images they are
  std::filesystem::path list_path_;
  std::unique_ptr<Arrays> arrays_;
};

}  // namespace convmae
