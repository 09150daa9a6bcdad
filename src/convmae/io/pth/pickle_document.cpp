#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/pth/pickle_machine.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace convmae {
namespace {

constexpr std::size_t kDeepest = 200;
constexpr std::size_t kMostValues = 1'000'000;

struct Extent {
  std::size_t height = 1;
  std::size_t values = 1;

  void add(const Extent& child) {
    height = std::max(height, child.height + 1);
    values = std::min(values + child.values, kMostValues + 1);  // saturates
  }
};

/// Walks each container once, however often it is shared.
class Check {
 public:
  explicit Check(ValueArena& arena) : arena_(arena) {}

  Extent visit(Value& value, std::size_t depth) {
    replace_names(value);
    const void* const container = identity(value);
    if (container == nullptr) return {};
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
    entry->second = {0, 0};  // marks it as being visited
    const Extent extent = visit_members(value, depth + 1);
    if (extent.values > kMostValues) throw UserError("it has over a million values");
    done_[container] = extent;
    return extent;
  }

 private:
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

  Extent visit_members(Value& value, std::size_t depth) {
    Extent extent;
    if (Sequence* const sequence = value.sequence()) {
      for (Value& item : sequence->items) extent.add(visit(item, depth));
      return extent;
    }
    std::unordered_set<std::string> keys;
    for (auto& [key, member] : value.members()->entries) {
      const std::string text = key_text(key);
      if (!keys.insert(text).second) throw UserError("it has the key " + quote(text) + " twice");
      extent.add(visit(member, depth));
    }
    return extent;
  }

  ValueArena& arena_;
  std::unordered_map<const void*, Extent> done_;
};

}  // namespace

void check_document(Value& root, ValueArena& arena) { Check(arena).visit(root, 0); }

}  // namespace convmae
