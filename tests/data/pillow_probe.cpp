// Decodes, resizes, augments and lists sources on request, for the comparison with Pillow and other
// Python packages: reads one JSON object a line and answers each with a JSON line and, if that has
// a "shape", the pixels.

#include "convmae/base/error.h"
#include "convmae/data/augment/rand_augment.h"
#include "convmae/data/decode/decode.h"
#include "convmae/data/resize/resize.h"
#include "convmae/data/sources/file_source.h"
#include "convmae/data/sources/source.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

namespace {

using convmae::Box;
using convmae::Image;
using nlohmann::json;

Box box_from(const json& numbers) {
  const auto n = numbers.get<std::array<std::int64_t, 4>>();
  return {n[0], n[1], n[2], n[3]};
}

void answer(const json& request, Image& image) {
  std::vector<std::uint8_t> bytes;
  convmae::read_file(request.at("file").get<std::string>(), bytes);
  convmae::DecodeOptions options;
  options.channels = request.value("channels", 0);
  options.apply_exif_orientation = request.value("exif", false);
  convmae::decode_image(bytes, options, image);
  if (request.contains("op")) {
    Image scratch;
    convmae::augment(convmae::parse_augment_op(request.at("op").get<std::string>()),
                     request.at("argument").get<double>(), request.at("fill").get<convmae::Rgb>(),
                     image, scratch);
  }
  if (!request.contains("size")) return;
  const auto size = request.at("size").get<std::array<std::int64_t, 2>>();
  const auto filter =
      request.at("filter") == "bicubic" ? convmae::Filter::bicubic : convmae::Filter::bilinear;
  Image resized;
  convmae::Resizer().resize(image, box_from(request.at("crop")), {size[0], size[1]},
                            box_from(request.at("window")), filter, resized);
  std::swap(image, resized);
}

json list(const json& request) {
  const auto source =
      convmae::open_source(request.at("source").get<std::string>(), convmae::Split::train);
  json samples = json::array();
  std::vector<std::uint8_t> bytes;
  for (std::int64_t i = 0; i < source->size(); ++i) {
    source->read(i, bytes);
    samples.push_back({{"name", source->name(i)},
                       {"label", source->label(i)},
                       {"size", bytes.size()},
                       {"sum", std::accumulate(bytes.begin(), bytes.end(), std::int64_t{0})}});
  }
  return samples;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    Image image;
    try {
      const json request = json::parse(line);
      if (request.contains("source")) {
        std::cout << json{{"samples", list(request)}} << std::endl;
        continue;
      }
      answer(request, image);
    } catch (const convmae::UserError& error) {
      std::cout << json{{"error", error.what()}} << std::endl;
      continue;
    }
    std::cout << json{{"shape", {image.height(), image.width(), image.channels()}},
                      {"dtype", convmae::to_string(image.type())}}
              << '\n';
    std::cout.write(reinterpret_cast<const char*>(image.bytes()), image.num_bytes());
    std::cout.flush();
  }
  return 0;
}
