#include "convmae/data/augment/augment.h"
#include "convmae/data/decode/decode.h"
#include "convmae/data/resize/resize.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/data/transforms.h"
#include "convmae/io/safetensors/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace convmae {
namespace {

using nlohmann::json;

class GoldenGeometry : public testing::Test {
 protected:
  GoldenGeometry()
      : golden_(directory() / "data_geometry.safetensors"),
        config_(json::parse(golden_.metadata().at("config"))) {}

  static std::filesystem::path directory() {
    return std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests/golden";
  }

  static std::vector<std::uint8_t> encoded(const json& image) {
    std::vector<std::uint8_t> bytes;
    read_file(directory() / "images" / image.at("file").get<std::string>(), bytes);
    return bytes;
  }

  static Image decoded(const json& image) {
    Image out;
    decode_image(encoded(image), {}, out);
    return out;
  }

  /// True if `found` has the same bytes as the golden tensor.
  bool equals(const std::string& name, const void* found, std::int64_t bytes) const {
    const TensorView& expected = golden_.at(name);
    return std::ssize(expected.data) == bytes &&
           std::memcmp(expected.data.data(), found, static_cast<std::size_t>(bytes)) == 0;
  }
  bool equals(const std::string& name, const Image& found) const {
    return equals(name, found.bytes(), found.num_bytes());
  }

  SafetensorsFile golden_;
  json config_;
};

TEST_F(GoldenGeometry, DecodingGivesPillowsPixels) {
  for (const auto& [name, image] : config_.at("images").items()) {
    EXPECT_TRUE(equals("decoded." + name, decoded(image))) << name;
  }
}

TEST_F(GoldenGeometry, CropsResizedAndMirroredGivePillowsPixels) {
  for (const auto& [name, image] : config_.at("images").items()) {
    const Image source = decoded(image);
    int number = 0;
    for (const json& crop : image.at("crops")) {
      const std::int64_t side = crop.at("out");
      Image out;
      Resizer().resize(source, {crop.at("i"), crop.at("j"), crop.at("h"), crop.at("w")},
                       {side, side}, Filter::bicubic, out);
      if (crop.at("hflip").get<bool>()) mirror(out);
      const std::string tensor = "crop" + std::to_string(number++) + "." + name;
      EXPECT_TRUE(equals(tensor, out)) << tensor;
    }
  }
}

TEST_F(GoldenGeometry, EvaluationGeometryAndNormalisationAreTheReferences) {
  int compared = 0;
  for (const TensorView& tensor : golden_.tensors()) {
    if (!tensor.name.starts_with("eval")) continue;
    ++compared;
    const std::string name = tensor.name.substr(tensor.name.find('.') + 1);
    const std::int64_t side = std::atoll(tensor.name.c_str() + 4);
    const json& image = config_.at("images").at(name);
    const bool normalised = tensor.name.find("_norm") != std::string::npos;
    if (normalised) {
      TransformConfig config;
      config.geometric = Geometric::centre_crop;
      config.output = {side, side};
      std::vector<float> pixels(static_cast<std::size_t>(3 * side * side));
      SampleTransform(config).apply(encoded(image), {}, pixels.data());
      EXPECT_TRUE(equals(tensor.name, pixels.data(), std::ssize(pixels) * 4)) << tensor.name;
    } else {
      const Image source = decoded(image);
      const CentreCrop target = centre_crop(source.size(), {side, side});
      Image out;
      Resizer().resize(source, {0, 0, source.height(), source.width()}, target.resized,
                       target.window, Filter::bicubic, out);
      EXPECT_TRUE(equals(tensor.name, out)) << tensor.name;
    }
  }
  EXPECT_GE(compared, 16);
}

}  // namespace
}  // namespace convmae
