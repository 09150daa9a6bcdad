#include "convmae/io/weights.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace convmae {
namespace {

constexpr std::array<std::string_view, 4> kContainers = {"model", "state_dict", "model_state_dict",
                                                         "module"};
constexpr std::array<std::string_view, 3> kWrapperPrefixes = {"module.", "_orig_mod.", "model."};
constexpr std::string_view kOptimizerPrefix = "optimizer.";
constexpr int kDeepestContainer = 4;

const StridedTensor* tensor_of(const Value& value) {
  if (const StridedTensor* const tensor = value.tensor()) return tensor;
  const std::optional<NumpyArray*> array = value.get<NumpyArray*>();
  return array ? &(*array)->tensor : nullptr;
}

bool has_tensors(const Dict& dict) {
  return std::ranges::any_of(dict.entries,
                             [](const auto& entry) { return tensor_of(entry.second) != nullptr; });
}

/// The dict whose own entries are the weights, or null; `location` becomes the way to it.
const Dict* find_weights(const Dict& dict, std::string& location, int depth) {
  for (const std::string_view name : kContainers) {
    const Value* const member = dict.find(name);
    const Dict* const inner = member == nullptr ? nullptr : member->dict();
    if (inner == nullptr || depth == kDeepestContainer) continue;
    std::string inner_location = location;
    if (!inner_location.empty()) inner_location += '/';
    inner_location += name;
    if (const Dict* const found = find_weights(*inner, inner_location, depth + 1)) {
      location = inner_location;
      return found;
    }
  }
  return has_tensors(dict) ? &dict : nullptr;
}

}  // namespace

std::string_view describe(WeightFileKind kind) {
  switch (kind) {
    case WeightFileKind::pth_zip:
      return "PyTorch checkpoint (ZIP)";
    case WeightFileKind::pth_legacy:
      return "PyTorch checkpoint (legacy)";
    case WeightFileKind::safetensors:
      break;
  }
  return "safetensors";
}

WeightFile::File WeightFile::open(const std::filesystem::path& path) {
  const MappedFile file(path);
  if (file.bytes().empty()) throw UserError(quote(path.string()) + " is empty");
  // The length that a safetensors file begins with may have the bytes of anything else, but a
  // PyTorch checkpoint never has a brace behind them.
  constexpr std::size_t kBrace = 8;
  if (file.bytes().size() > kBrace && file.bytes()[kBrace] == std::byte{'{'}) {
    return SafetensorsFile(path);
  }
  if (looks_like_pth(file.bytes())) return PthFile(path);
  throw UserError(quote(path.string()) +
                  " is neither a PyTorch checkpoint (.pth) nor a safetensors file");
}

WeightFile::WeightFile(const std::filesystem::path& path) : file_(open(path)) {
  if (const PthFile* const file = pth()) {
    list_pth(*file);
  } else {
    list_safetensors(*safetensors());
  }
  strip_prefixes();
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (!index_.emplace(weights_[i].name, i).second) {
      throw UserError(quote(path.string()) + " has two weights " + quote(weights_[i].name));
    }
  }
}

void WeightFile::list_pth(const PthFile& file) {
  kind_ =
      file.container() == PthContainer::zip ? WeightFileKind::pth_zip : WeightFileKind::pth_legacy;
  const Dict* const root = file.root().dict();
  const Dict* const found = root == nullptr ? nullptr : find_weights(*root, location_, 0);
  if (found == nullptr) return;
  for (const auto& [key, value] : found->entries) {
    const StridedTensor* const tensor = tensor_of(value);
    if (tensor != nullptr) weights_.push_back({key_text(key), *tensor});
  }
}

void WeightFile::list_safetensors(const SafetensorsFile& file) {
  for (const TensorView& view : file.tensors()) {
    if (view.name.starts_with(kOptimizerPrefix)) {
      ++optimizer_tensors_;
    } else {
      weights_.push_back({view.name, as_strided(view)});
    }
  }
}

void WeightFile::strip_prefixes() {
  const auto shared = [&](std::string_view prefix) {
    return !weights_.empty() && std::ranges::all_of(weights_, [&](const Weight& weight) {
      const std::string_view rest = std::string_view(weight.name).substr(stripped_prefix_.size());
      return rest.size() > prefix.size() && rest.starts_with(prefix);
    });
  };
  for (const auto* prefix = std::ranges::find_if(kWrapperPrefixes, shared);
       prefix != kWrapperPrefixes.end(); prefix = std::ranges::find_if(kWrapperPrefixes, shared)) {
    stripped_prefix_ += *prefix;
  }
  // Once: a long name may be nothing but prefixes.
  for (Weight& weight : weights_) weight.name.erase(0, stripped_prefix_.size());
}

const MappedFile& WeightFile::mapping() const {
  const PthFile* const as_pth = pth();
  return as_pth != nullptr ? as_pth->file() : safetensors()->file();
}

const Weight* WeightFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &weights_[found->second];
}

void WeightFile::read(const Weight& weight, std::span<std::byte> out) const {
  read_tensor(mapping(), weight.tensor, out);
  if (weight.tensor.dtype != DType::boolean) return;
  if (std::ranges::any_of(out, [](std::byte byte) { return byte > std::byte{1}; })) {
    throw UserError(quote(path().string()) + " has a boolean that is neither 0 nor 1 in " +
                    quote(weight.name));
  }
}

const Value* WeightFile::entry(std::string_view name) const {
  const PthFile* const file = pth();
  const Dict* const root = file == nullptr ? nullptr : file->root().dict();
  return root == nullptr ? nullptr : root->find(name);
}

std::optional<std::int64_t> WeightFile::epoch() const {
  for (const std::string_view name : {"epoch", "iteration"}) {
    const Value* const value = entry(name);
    if (value == nullptr) continue;
    if (const auto epoch = value->integer()) return epoch;
    if (const auto scalar = value->get<NumpyScalar*>()) return (*scalar)->value.integer();
  }
  return std::nullopt;
}

const Value* WeightFile::arguments() const {
  const Value* const value = entry("args");
  return value != nullptr && value->members() != nullptr ? value : nullptr;
}

const Value* WeightFile::optimizer() const {
  const Value* const value = entry("optimizer");
  return value != nullptr && value->dict() != nullptr ? value : nullptr;
}

const std::map<std::string, std::string>& WeightFile::metadata() const {
  static const std::map<std::string, std::string> none;
  const SafetensorsFile* const file = safetensors();
  return file == nullptr ? none : file->metadata();
}

}  // namespace convmae
