#include "convmae/segment/class_weights.h"

#include "convmae/base/error.h"
#include "convmae/base/parse_number.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/data/decode/decode_label.h"
#include "convmae/io/csv.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace convmae {
namespace {

/// The class of a row: that of its name, or the next one.
std::size_t class_of_row(const CsvRow& row, const std::vector<std::string>& names, std::size_t next,
                         const std::string& place) {
  if (row.fields.size() == 1) {
    if (next < names.size()) return next;
    throw UserError(place + ": expected a weight for each of " + std::to_string(names.size()) +
                    " classes, found more");
  }
  const auto found = std::ranges::find(names, row.fields.front().text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  throw UserError(place + ": expected the name of a class, found " +
                  quote(row.fields.front().text));
}

at::Tensor tensor_of_weights(const std::vector<float>& weights) {
  return at::tensor(weights, at::kFloat);
}

}  // namespace

at::Tensor read_class_weights(const std::filesystem::path& path, const LabelScheme& scheme) {
  constexpr FileKind kWeights{"a table of class weights", std::int64_t{1} << 24};
  const std::string text = read_text_file(path, kWeights);
  const std::vector<std::string> names = scheme.names();
  std::vector<float> weights(names.size(), std::numeric_limits<float>::quiet_NaN());
  CsvReader reader(text, ",", quote(path.string()));
  CsvRow row;
  std::size_t next = 0;
  bool is_first = true;
  while (reader.next(row)) {
    const std::string place = reader.place(row.line);
    const std::string& number = row.fields.back().text;
    const std::optional<double> weight = parse_number<double>(number);
    const bool is_heading = is_first && row.fields.size() == 2 && !weight;
    is_first = false;
    if (is_heading) continue;
    if (row.fields.size() > 2 || !weight || !(*weight >= 0) || !std::isfinite(*weight)) {
      throw UserError(place +
                      ": expected a weight of 0 or more, with a class before it or alone, " +
                      "found " + quote(number));
    }
    float& own = weights[class_of_row(row, names, next++, place)];
    if (!std::isnan(own)) throw UserError(place + ": its class has a weight already");
    own = static_cast<float>(*weight);
  }
  const auto missing = std::ranges::find_if(weights, [](float w) { return std::isnan(w); });
  if (missing != weights.end()) {
    throw UserError(quote(path.string()) + " has no weight for the class " +
                    quote(names[static_cast<std::size_t>(missing - weights.begin())]) +
                    ": give each class one");
  }
  return tensor_of_weights(weights);
}

at::Tensor balanced_class_weights(const LabelledPairs& data, std::int64_t max_pixels,
                                  const std::function<void(std::int64_t)>& progress) {
  std::vector<std::int64_t> pixels(static_cast<std::size_t>(data.scheme->num_classes()));
  const LabelDecodeOptions decode{&data.scheme->palette(), max_pixels};
  std::vector<std::uint8_t> bytes;
  Image ids;
  LabelMap map;
  for (std::int64_t i = 0; i < data.pairs->size(); ++i) {
    try {
      data.pairs->read_label(i, bytes);
      decode_label(bytes, decode, ids);
      data.scheme->apply(ids, map);
    } catch (const UserError&) {
      continue;  // reported when training meets it
    }
    for (const std::int16_t k : map.classes) {
      if (k != LabelMap::kIgnored) ++pixels[static_cast<std::size_t>(k)];
    }
    progress(i + 1);
  }
  double all = 0;
  double classes = 0;
  for (const std::int64_t own : pixels) {
    all += static_cast<double>(own);
    classes += own > 0 ? 1 : 0;
  }
  std::vector<float> weights;
  weights.reserve(pixels.size());
  for (const std::int64_t own : pixels) {
    weights.push_back(own == 0 ? 1.F
                               : static_cast<float>(all / (classes * static_cast<double>(own))));
  }
  return tensor_of_weights(weights);
}

}  // namespace convmae
