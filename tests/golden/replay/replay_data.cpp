#include "convmae/data/decode/decode.h"
#include "convmae/data/resize/resize.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/data/transforms.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/flip.h>

#include "golden/replay/image_tensors.h"
#include "golden/replay/replays.h"

namespace convmae::golden {
namespace {

Image decode_file(const std::filesystem::path& path) {
  std::vector<std::uint8_t> bytes;
  read_file(path, bytes);
  Image image;
  decode_image(bytes, DecodeOptions{}, image);
  return image;
}

void add_evaluation(const std::string& name, const Image& image, std::int64_t size,
                    const Normalisation& normalisation, Tensors& out) {
  const CentreCrop crop = centre_crop(image.size(), {size, size});
  Resizer resizer;
  Image result;
  resizer.resize(image, {0, 0, image.height(), image.width()}, crop.resized, crop.window,
                 Filter::bicubic, result);
  const std::string prefix = "eval" + std::to_string(size);
  out[prefix + "." + name] = pixels_of(result);
  at::Tensor normalised = at::empty({result.channels(), size, size}, at::kFloat);
  normalise(result, full_scale(PixelType::uint8), normalisation, /*flip=*/false,
            normalised.mutable_data_ptr<float>());
  out[prefix + "_norm." + name] = normalised;
}

at::Tensor random_crop_pixels(const Image& image, const Json& crop) {
  const Box box{crop.at("i").get<std::int64_t>(), crop.at("j").get<std::int64_t>(),
                crop.at("h").get<std::int64_t>(), crop.at("w").get<std::int64_t>()};
  const auto size = crop.at("out").get<std::int64_t>();
  Resizer resizer;
  Image result;
  resizer.resize(image, box, {size, size}, Filter::bicubic, result);
  const at::Tensor pixels = pixels_of(result);
  return crop.at("hflip").get<bool>() ? pixels.flip(1) : pixels;
}

}  // namespace

Replay replay_data_geometry(const GoldenFile& file) {
  const Json& config = file.config();
  const Normalisation normalisation{config.at("mean").get<std::vector<float>>(),
                                    config.at("std").get<std::vector<float>>()};
  const std::string resize_to = "resize_to_";
  Replay replay;
  for (const auto& [name, entry] : config.at("images").items()) {
    const Image image =
        decode_file(file.path().parent_path() / "images" / entry.at("file").get<std::string>());
    replay.tensors["decoded." + name] = pixels_of(image);
    for (const auto& item : entry.items()) {
      if (item.key().starts_with(resize_to)) {
        add_evaluation(name, image, std::stoll(item.key().substr(resize_to.size())), normalisation,
                       replay.tensors);
      }
    }
    std::size_t number = 0;
    for (const Json& crop : entry.at("crops")) {
      replay.tensors["crop" + std::to_string(number++) + "." + name] =
          random_crop_pixels(image, crop);
    }
  }
  return replay;
}

}  // namespace convmae::golden
