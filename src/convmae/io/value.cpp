#include "convmae/io/value.h"

#include <algorithm>
#include <charconv>

namespace convmae {
namespace {

std::string joined(const std::string& path, std::string_view name) {
  std::string result = path;
  if (!result.empty()) result += '/';
  result += name;
  return result;
}

}  // namespace

Sequence* Value::sequence() const {
  if (const auto list = get<List>()) return list->items;
  if (const auto tuple = get<Tuple>()) return tuple->items;
  return nullptr;
}

Dict* Value::members() const {
  Object* const as_object = object();
  return as_object == nullptr ? dict() : &as_object->attributes;
}

std::optional<double> Value::number() const {
  if (const auto value = real()) return value;
  if (const auto value = integer()) return static_cast<double>(*value);
  if (const auto scalar = get<NumpyScalar*>()) return (*scalar)->value.number();
  return std::nullopt;
}

const Value* Dict::find(std::string_view key) const {
  const auto found =
      std::ranges::find_if(entries, [&](const auto& entry) { return entry.first.text() == key; });
  return found == entries.end() ? nullptr : &found->second;
}

Dict* ValueArena::new_dict(bool ordered) {
  Dict* const dict = &dicts_.emplace_back();
  dict->ordered = ordered;
  return dict;
}

Sequence* ValueArena::new_sequence() { return &sequences_.emplace_back(); }

Value ValueArena::new_tuple(std::vector<Value> items) {
  Sequence* const sequence = new_sequence();
  sequence->items = std::move(items);
  return Value::Tuple{sequence};
}

Object* ValueArena::new_object(std::string_view type) {
  Object* const object = &objects_.emplace_back();
  object->type = type;
  return object;
}

StridedTensor* ValueArena::new_tensor(StridedTensor tensor) {
  return &tensors_.emplace_back(std::move(tensor));
}

Value ValueArena::new_numpy_scalar(NumpyScalar scalar) {
  return &numpy_scalars_.emplace_back(scalar);
}

Value ValueArena::new_numpy_array(NumpyArray array) {
  return &numpy_arrays_.emplace_back(std::move(array));
}

std::string_view ValueArena::keep(std::string text) { return texts_.emplace_back(std::move(text)); }

std::string type_name(const Value& value) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "NoneType"; }
    std::string operator()(bool) const { return "bool"; }
    std::string operator()(std::int64_t) const { return "int"; }
    std::string operator()(double) const { return "float"; }
    std::string operator()(const BigInteger&) const { return "int"; }
    std::string operator()(std::string_view) const { return "str"; }
    std::string operator()(const Bytes&) const { return "bytes"; }
    std::string operator()(const StridedTensor*) const { return "Tensor"; }
    std::string operator()(const NumpyScalar* scalar) const {
      return std::string("numpy.").append(torch_name(scalar->dtype));
    }
    std::string operator()(const NumpyArray*) const { return "ndarray"; }
    std::string operator()(Value::List) const { return "list"; }
    std::string operator()(Value::Tuple) const { return "tuple"; }
    std::string operator()(const Dict* dict) const {
      return dict->ordered ? "OrderedDict" : "dict";
    }
    std::string operator()(const Object* object) const {
      return std::string(object->type.substr(object->type.rfind('.') + 1));
    }
    std::string operator()(PickleSymbol) const { return "name"; }
    std::string operator()(const Storage*) const { return "storage"; }
    std::string operator()(NumpyType) const { return "numpy.dtype"; }
  };
  return std::visit(Visitor{}, value.data());
}

std::string key_text(const Value& key) {
  if (const auto text = key.text()) return std::string(*text);
  if (const auto integer = key.integer()) return std::to_string(*integer);
  if (const auto boolean = key.boolean()) return *boolean ? "True" : "False";
  if (const auto big = key.get<BigInteger>()) return std::string(big->decimal);
  if (const auto real = key.real()) {
    char digits[32];
    const std::to_chars_result end = std::to_chars(digits, digits + sizeof(digits), *real);
    return {digits, end.ptr};
  }
  return "None";
}

void for_each_leaf(const Value& root,
                   const std::function<void(const std::string&, const Value&)>& visit) {
  const auto walk = [&](const auto& self, const std::string& path, const Value& value) -> void {
    if (const Dict* const dict = value.members(); dict != nullptr && !dict->entries.empty()) {
      for (const auto& [key, member] : dict->entries) {
        self(self, joined(path, key_text(key)), member);
      }
    } else if (const Sequence* const sequence = value.sequence();
               sequence != nullptr && !sequence->items.empty()) {
      for (std::size_t i = 0; i < sequence->items.size(); ++i) {
        self(self, joined(path, std::to_string(i)), sequence->items[i]);
      }
    } else {
      visit(path, value);
    }
  };
  walk(walk, "", root);
}

}  // namespace convmae
