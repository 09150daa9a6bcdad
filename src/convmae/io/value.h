#pragma once

#include "convmae/io/pth/pickle_symbol.h"
#include "convmae/io/tensor_view.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace convmae {

struct Sequence;
struct Dict;
struct Object;
struct NumpyScalar;
struct NumpyArray;
struct Storage;

/// An integer beyond 64 bits, in decimal digits; at most 255 bytes in two's complement.
struct BigInteger {
  std::string_view decimal;
};

struct Bytes {
  std::span<const std::byte> data;
};

template <typename T, typename Variant>
inline constexpr bool kIsAlternative = false;
template <typename T, typename... Alternatives>
inline constexpr bool kIsAlternative<T, std::variant<Alternatives...>> =
    (std::is_same_v<T, Alternatives> || ...);

/// What a Python object in a `.pth` file is as plain data. A small handle: text, containers and
/// tensors belong to a ValueArena or to the mapped file and are shared by copies of the handle.
class Value {
 public:
  struct List {
    Sequence* items;
  };
  struct Tuple {
    Sequence* items;
  };
  using Data =
      std::variant<std::monostate, bool, std::int64_t, double, BigInteger, std::string_view, Bytes,
                   StridedTensor*, NumpyScalar*, NumpyArray*, List, Tuple, Dict*, Object*,
                   // only while a pickle is interpreted, never in a finished document:
                   PickleSymbol, Storage*, NumpyType>;

  Value() = default;
  // A handle, which everything that it can hold converts to, as to the variant in it.
  // NOLINTBEGIN(google-explicit-constructor)
  template <typename T>
  requires kIsAlternative<T, Data> Value(T data) : data_(std::in_place_type<T>, data) {}
  /// Text that outlives the value, such as a literal.
  Value(const char* text) : data_(std::string_view(text)) {}
  // NOLINTEND(google-explicit-constructor)

  const Data& data() const { return data_; }

  bool is_none() const { return std::holds_alternative<std::monostate>(data_); }
  std::optional<bool> boolean() const { return get<bool>(); }
  std::optional<std::int64_t> integer() const { return get<std::int64_t>(); }
  std::optional<double> real() const { return get<double>(); }
  std::optional<std::string_view> text() const { return get<std::string_view>(); }
  /// Null if it is something else; the same for those below.
  StridedTensor* tensor() const { return get<StridedTensor*>().value_or(nullptr); }
  Dict* dict() const { return get<Dict*>().value_or(nullptr); }
  Object* object() const { return get<Object*>().value_or(nullptr); }
  /// The items of a list or tuple.
  Sequence* sequence() const;
  /// A dict, or the attributes of an object.
  Dict* members() const;
  /// A number of any kind, also of numpy.
  std::optional<double> number() const;

  template <typename T>
  std::optional<T> get() const {
    const T* const found = std::get_if<T>(&data_);
    return found == nullptr ? std::nullopt : std::optional<T>(*found);
  }

 private:
  Data data_;
};

struct Sequence {
  std::vector<Value> items;
};

/// In the order of the file, keys unique. Keys are text, numbers, booleans or None.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  /// A collections.OrderedDict, such as state_dict() returns.
  bool ordered = false;

  /// Null if there is no such key.
  const Value* find(std::string_view key) const;
};

/// An argparse.Namespace.
struct Object {
  std::string_view type;
  Dict attributes;
};

struct NumpyScalar {
  DType dtype = DType::f64;
  Value value;
};

struct NumpyArray {
  /// With its own storage; `storage_id` means nothing.
  StridedTensor tensor;
};

/// Owns what Values point to. Addresses stay valid when the arena moves.
class ValueArena {
 public:
  Dict* new_dict(bool ordered = false);
  Sequence* new_sequence();
  Value new_list() { return Value::List{new_sequence()}; }
  Value new_tuple(std::vector<Value> items = {});
  Object* new_object(std::string_view type);
  StridedTensor* new_tensor(StridedTensor tensor);
  Value new_numpy_scalar(NumpyScalar scalar);
  Value new_numpy_array(NumpyArray array);
  /// A copy that lives as long as the arena.
  std::string_view keep(std::string text);

  std::deque<Dict>& dicts() { return dicts_; }
  std::deque<Object>& objects() { return objects_; }
  std::deque<Sequence>& sequences() { return sequences_; }

 private:
  std::deque<Dict> dicts_;
  std::deque<Sequence> sequences_;
  std::deque<Object> objects_;
  std::deque<StridedTensor> tensors_;
  std::deque<NumpyScalar> numpy_scalars_;
  std::deque<NumpyArray> numpy_arrays_;
  std::deque<std::string> texts_;
};

/// The Python name of a value's type: "int", "NoneType", "OrderedDict", "numpy.float64", "ndarray".
std::string type_name(const Value& value);

/// A key of a dict as part of a path: the text itself, numbers in decimal.
std::string key_text(const Value& key);

/// Calls `visit(path, value)` for everything that contains nothing: tensors, plain values, and
/// empty containers. The path joins keys, attribute names and item numbers with '/'. The tree must
/// be finite and shallow, as those of PthFile are.
void for_each_leaf(const Value& root,
                   const std::function<void(const std::string&, const Value&)>& visit);

}  // namespace convmae
