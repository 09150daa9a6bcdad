#include "convmae/io/weights.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/foreign_weights.h"
#include "convmae/io/vitmae_names.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace convmae {
namespace {

// An average, or the network that is learned from, stands for the model where nothing else does.
constexpr std::array<std::string_view, 12> kContainers = {
    "model", "state_dict", "model_state_dict", "module",  "model_ema",      "state_dict_ema",
    "ema",   "teacher",    "student",          "encoder", "target_encoder", "backbone"};
constexpr std::array<std::string_view, 3> kWrapperPrefixes = {"module.", "_orig_mod.", "model."};
constexpr std::string_view kOptimizerPrefix = "optimizer.";
constexpr std::size_t kDeepestContainer = 4;
constexpr int kDeepestCounted = 8;

const StridedTensor* tensor_of(const Value& value) {
  if (const StridedTensor* const tensor = value.tensor()) return tensor;
  const std::optional<NumpyArray*> array = value.get<NumpyArray*>();
  return array ? &(*array)->tensor : nullptr;
}

bool has_tensors(const Dict& dict) {
  return std::ranges::any_of(dict.entries,
                             [](const auto& entry) { return tensor_of(entry.second) != nullptr; });
}

/// The dicts on the way to the one whose own entries are the weights, that one last; empty if there
/// is none. `names` become the entries that lead there.
std::vector<const Dict*> find_weights(const Dict& dict, std::vector<std::string_view>& names) {
  for (const std::string_view name : kContainers) {
    const Value* const member = dict.find(name);
    const Dict* const inner = member == nullptr ? nullptr : member->dict();
    if (inner == nullptr || names.size() == kDeepestContainer) continue;
    names.push_back(name);
    if (std::vector<const Dict*> way = find_weights(*inner, names); !way.empty()) {
      way.insert(way.begin(), &dict);
      return way;
    }
    names.pop_back();
  }
  return has_tensors(dict) ? std::vector<const Dict*>{&dict} : std::vector<const Dict*>{};
}

/// The tensors in a value, wherever they stand in it.
std::int64_t tensors_in(const Value& value, int depth = 0) {
  if (tensor_of(value) != nullptr) return 1;
  if (depth == kDeepestCounted) return 0;
  std::int64_t count = 0;
  if (const Sequence* const sequence = value.sequence()) {
    for (const Value& item : sequence->items) count += tensors_in(item, depth + 1);
  } else if (const Dict* const members = value.members()) {
    for (const auto& entry : members->entries) count += tensors_in(entry.second, depth + 1);
  }
  return count;
}

/// Entries of a file that `WeightFile` has a function for.
bool has_a_function(std::string_view name) {
  return name == "epoch" || name == "iteration" || name == "args" || name == "optimizer";
}

/// A weight of which the parts that have been found are known.
struct PartedWeight {
  std::string name;
  std::string_view stored_name;  ///< of one of its parts
  std::array<const StridedTensor*, kVitmaeParts> parts{};
};

/// The whole of which the parts are the rows.
Weight join(const PartedWeight& weight, const std::filesystem::path& file) {
  constexpr std::array<const char*, kVitmaeParts> kNames{"query", "key", "value"};
  Weight whole{weight.name, {}};
  for (std::size_t i = 0; i < kVitmaeParts; ++i) {
    if (weight.parts[i] == nullptr) {
      throw UserError(quote(file.string()) + " lacks the " + kNames[i] + " that belongs to " +
                      quote(weight.stored_name) + ": give a whole checkpoint");
    }
    whole.parts.push_back(*weight.parts[i]);
  }
  const StridedTensor& first = whole.parts.front();
  whole.tensor.dtype = first.dtype;
  whole.tensor.shape = first.shape;
  const bool alike = std::ranges::all_of(whole.parts, [&](const StridedTensor& part) {
    return part.dtype == first.dtype && part.shape == first.shape;
  });
  const std::optional<std::int64_t> rows =
      first.shape.empty() ? std::nullopt
                          : checked_multiply(first.shape[0], std::int64_t{kVitmaeParts});
  if (rows) whole.tensor.shape[0] = *rows;
  const std::optional<std::int64_t> numel = checked_numel(whole.tensor.shape);
  if (!alike || !rows || !numel || !checked_multiply(*numel, size_of(first.dtype))) {
    throw UserError(quote(file.string()) +
                    " has a query, key and value that do not belong together, "
                    "one of which is " +
                    quote(weight.stored_name) + ": give another checkpoint");
  }
  whole.tensor.stride = contiguous_strides(whole.tensor.shape);
  return whole;
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
  const std::string stand_in = known_stand_in(file.bytes());
  if (!stand_in.empty()) throw UserError(quote(path.string()) + ' ' + stand_in);
  throw UserError(quote(path.string()) +
                  " is neither a PyTorch checkpoint (.pth) nor a safetensors file");
}

WeightFile::WeightFile(const std::filesystem::path& path, WeightNames names) : file_(open(path)) {
  if (const PthFile* const file = pth()) {
    list_pth(*file);
  } else {
    list_safetensors(*safetensors());
  }
  strip_prefixes();
  if (names == WeightNames::published) take_published_names();
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
  if (root == nullptr) return;
  std::vector<std::string_view> names;
  const std::vector<const Dict*> way = find_weights(*root, names);
  for (const std::string_view name : names) {
    location_.append(location_.empty() ? "" : "/").append(name);
  }
  list_others(way.empty() ? std::vector{root} : way, names);
  if (way.empty()) return;
  for (const auto& [key, value] : way.back()->entries) {
    const StridedTensor* const tensor = tensor_of(value);
    if (tensor != nullptr) weights_.push_back({key_text(key), *tensor});
  }
}

void WeightFile::list_others(const std::vector<const Dict*>& way,
                             const std::vector<std::string_view>& names) {
  std::string path;
  for (std::size_t level = 0; level < way.size(); ++level) {
    for (const auto& [key, value] : way[level]->entries) {
      const std::string name = key_text(key);
      const bool leads_on = level < names.size() && name == names[level];
      const bool is_weight = level == names.size() && tensor_of(value) != nullptr;
      if (leads_on || is_weight || (level == 0 && has_a_function(name))) continue;
      if (const std::int64_t tensors = tensors_in(value); tensors > 0) {
        others_.push_back({path + name, tensors});
      }
    }
    if (level < names.size()) path.append(names[level]) += '/';
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

void WeightFile::take_published_names() {
  std::vector<std::string_view> stored;
  for (const Weight& weight : weights_) stored.emplace_back(weight.name);
  const std::optional<VitmaeNames> names = VitmaeNames::among(stored);
  if (!names) return;
  std::vector<Weight> published;
  std::map<std::string, PartedWeight> parted;
  for (const Weight& weight : weights_) {
    const std::optional<PublishedPlace> place = names->place_of(weight.name);
    if (!place || !place->part) {
      published.push_back({place ? place->name : weight.name, weight.tensor});
      continue;
    }
    PartedWeight& whole = parted[place->name];
    whole.name = place->name;
    whole.stored_name = weight.name;
    if (std::exchange(whole.parts[*place->part], &weight.tensor) != nullptr) {
      throw UserError(quote(path().string()) + " has " + quote(weight.name) +
                      " twice, under two names");
    }
  }
  for (const auto& entry : parted) published.push_back(join(entry.second, path()));
  weights_ = std::move(published);
  is_vitmae_ = true;
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
  if (weight.parts.empty()) read_tensor(mapping(), weight.tensor, out);
  std::size_t begin = 0;
  for (const StridedTensor& part : weight.parts) {
    const auto bytes = static_cast<std::size_t>(part.bytes());
    read_tensor(mapping(), part, out.subspan(begin, bytes));
    begin += bytes;
  }
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
