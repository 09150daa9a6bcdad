// The input is the JSON header of a safetensors file, in which this program's files describe their
// model; the tensors that it tells of follow, up to 64 KiB. Whoever opens a model takes it.

#include "convmae/base/error.h"
#include "convmae/checkpoint/classifier_weights.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/features/feature_model.h"

#include <nlohmann/json.hpp>

#include "file_in_memory.h"
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

namespace {

/// Where the header says that the last tensor ends.
std::size_t data_size(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMost = std::size_t{64} << 10;
  std::size_t end = 0;
  const auto header = nlohmann::json::parse(data, data + size, nullptr, false);
  for (const auto& entry : header) {
    if (!entry.is_object() || !entry.contains("data_offsets")) continue;
    const auto& offsets = entry.at("data_offsets");
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[1].is_number_unsigned()) continue;
    end = std::max(end, offsets[1].get<std::size_t>());
  }
  return std::min(end, kMost);
}

template <typename Load>
void attempt(const Load& load) {
  try {
    load();
  } catch (const convmae::UserError&) {
    return;  // the expected end of most inputs
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::uint64_t header_size = size;
  std::string bytes(sizeof(header_size), '\0');
  std::memcpy(bytes.data(), &header_size, sizeof(header_size));
  bytes.append(reinterpret_cast<const char*>(data), size).append(data_size(data, size), '\0');
  static const convmae::fuzz::FileInMemory file;
  file.hold(bytes.data(), bytes.size());
  attempt([] { convmae::load_model(file.path()); });
  attempt([] { convmae::FeatureModel::load(file.path()); });
  attempt([] { convmae::load_classifier(file.path()); });
  return 0;
}
