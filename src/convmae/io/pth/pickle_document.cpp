#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/pth/pickle_machine.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace convmae {
namespace {

constexpr std::size_t kDeepest = 200;
constexpr std::size_t kMostValues = 1'000'000;

// At least what lists, files and JSON take for one.
constexpr std::size_t kPlainCost = 10;
constexpr std::size_t kContainerCost = 32;
constexpr std::size_t kTensorCost = 256;
constexpr std::size_t kDimensionCost = 16;

/// Values may be shared by many places and views may repeat a storage's elements, so a small file
/// could describe an output of any size. All that it describes may take four times its bytes, or a
/// little.
std::size_t cost_limit(std::size_t file_size) {
  constexpr std::size_t kAlways = std::size_t{16} << 20;
  return 4 * file_size + kAlways;
}

/// Of a value and all that it holds, shared parts counted at each place that refers to them.
struct Extent {
  std::size_t height = 1;
  std::size_t values = 1;
  /// Bytes when it is written out.
  std::size_t cost = kPlainCost;
};

/// Walks each container once, however often it is shared.
class Check {
 public:
  Check(ValueArena& arena, std::size_t file_size) : arena_(arena), limit_(cost_limit(file_size)) {}

  void run(Value& root) {
    Extent all{.cost = 0};
    add(visit(root, 0), all);
  }

 private:
  Extent visit(Value& value, std::size_t depth) {
    replace_names(value);
    const void* const container = identity(value);
    if (container == nullptr) return {.cost = kPlainCost + cost_of(value)};
    if (depth >= kDeepest) throw UserError("its values are nested over 200 levels deep");
    const auto [entry, is_new] = done_.try_emplace(container);
    if (!is_new) {
      const Extent& known = entry->second;
      if (known.values == 0) throw UserError("one of its values contains itself");
      if (depth + known.height > kDeepest) {
        throw UserError("its values are nested over 200 levels deep");
      }
      return known;
    }
    entry->second = {.height = 0, .values = 0, .cost = 0};  // marks it as being visited
    const Extent extent = visit_members(value, depth + 1);
    done_[container] = extent;
    return extent;
  }

  static const void* identity(const Value& value) {
    if (const Sequence* const sequence = value.sequence()) return sequence;
    return value.members();
  }

  /// A dtype is a name in the pickle and plain data for us.
  void replace_names(Value& value) {
    if (const auto symbol = value.get<PickleSymbol>();
        symbol && symbol->kind == SymbolKind::torch_dtype) {
      value = arena_.keep(std::string("torch.").append(torch_name(symbol->dtype)));
    } else if (const auto type = value.get<NumpyType>(); type && !type->is_text) {
      value = std::string_view(torch_name(type->dtype));
    } else if (symbol || type || value.get<Storage*>()) {
      throw UserError("one of its values is a bare " + type_name(value) +
                      ", which is not plain data");
    }
  }

  /// Neither can overflow: what is added was itself checked, or is in memory.
  void add(const Extent& child, Extent& to) const {
    to.height = std::max(to.height, child.height + 1);
    to.values += child.values;
    if (to.values > kMostValues) throw UserError("it has over a million values");
    charge(child.cost, to);
  }

  void charge(std::size_t bytes, Extent& to) const {
    if (bytes > limit_ - to.cost) {
      throw UserError("its values, of which some stand in many places, would take over " +
                      std::to_string(limit_ >> 20) +
                      " MiB written out, several times the file's size: save the state_dict alone "
                      "in Python, each tensor once, and try again");
    }
    to.cost += bytes;
  }

  /// Bytes beside kPlainCost of what holds no other value.
  std::size_t cost_of(const Value& value) {
    if (const auto text = value.text()) return text->size();
    if (const auto bytes = value.get<Bytes>()) return kContainerCost + 2 * bytes->data.size();
    if (const auto big = value.get<BigInteger>()) return big->decimal.size();
    if (const auto scalar = value.get<NumpyScalar*>()) return cost_of((*scalar)->value);
    if (const auto array = value.get<NumpyArray*>()) return cost_of((*array)->tensor);
    return value.tensor() == nullptr ? 0 : cost_of(*value.tensor());
  }

  std::size_t cost_of(const StridedTensor& tensor) {
    // A storage is written once for each type of elements that it is seen as.
    const unsigned type = 1U << static_cast<unsigned>(tensor.dtype);
    unsigned& types = types_of_[{tensor.storage.data(), tensor.storage.size()}];
    const std::size_t copy =
        (types & ~type) != 0 && (types & type) == 0 ? tensor.storage.size() : 0;
    types |= type;
    const auto elements = static_cast<std::size_t>(tensor.bytes());  // below 2^63
    return elements + copy + kTensorCost + kDimensionCost * tensor.shape.size();
  }

  Extent visit_members(Value& value, std::size_t depth) {
    Extent extent{.cost = kContainerCost};
    if (Sequence* const sequence = value.sequence()) {
      for (Value& item : sequence->items) add(visit(item, depth), extent);
      return extent;
    }
    Dict& dict = *value.members();
    for (const auto& entry : dict.entries) charge(kPlainCost + cost_of(entry.first), extent);
    check_keys(dict);
    for (auto& entry : dict.entries) add(visit(entry.second, depth), extent);
    return extent;
  }

  /// Keys of any kind become text in the end, so 1 and "1" are the same.
  static void check_keys(const Dict& dict) {
    std::vector<std::string> texts;  // of the keys that are not text
    for (const auto& entry : dict.entries) {
      if (!entry.first.text()) texts.push_back(key_text(entry.first));
    }
    std::vector<std::string_view> keys(texts.begin(), texts.end());
    for (const auto& entry : dict.entries) {
      if (const auto text = entry.first.text()) keys.push_back(*text);
    }
    std::ranges::sort(keys);
    const auto twice = std::ranges::adjacent_find(keys);
    if (twice != keys.end()) throw UserError("it has the key " + quote(*twice) + " twice");
  }

  ValueArena& arena_;
  std::size_t limit_;
  std::map<std::pair<const std::byte*, std::size_t>, unsigned> types_of_;
  std::unordered_map<const void*, Extent> done_;
};

}  // namespace

void check_document(Value& root, ValueArena& arena, std::size_t file_size) {
  Check(arena, file_size).run(root);
}

}  // namespace convmae
