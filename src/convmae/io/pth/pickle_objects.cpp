#include "convmae/io/pth/pickle_objects.h"

#include "convmae/base/checked.h"
#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/pth/pickle_arguments.h"
#include "convmae/io/pth/pickle_numpy.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <string>

namespace convmae {
namespace {

constexpr std::size_t kBudget = std::size_t{64} << 20;
constexpr std::size_t kObjectSize = 64;  // a container with its bookkeeping
constexpr std::size_t kLongestKey = 1024;

bool is_key(const Value& value) {
  if (const auto text = value.text()) return text->size() <= kLongestKey;
  return value.is_none() || value.integer() || value.boolean() || value.real() ||
         value.get<BigInteger>();
}

/// The number of the element after the last one that the window touches, or nothing on overflow.
std::optional<std::int64_t> end_of_window(const StridedTensor& tensor) {
  std::optional<std::int64_t> end = checked_add(tensor.offset, 1);
  for (std::size_t d = 0; d < tensor.shape.size() && end; ++d) {
    const std::optional<std::int64_t> reach =
        checked_multiply(tensor.shape[d] - 1, tensor.stride[d]);
    end = reach ? checked_add(*end, *reach) : std::nullopt;
  }
  return end;
}

}  // namespace

void AllocationBudget::charge(std::size_t bytes) {
  if (bytes > left_) throw UserError("its pickle describes too many objects to be a checkpoint");
  left_ -= bytes;
}

PickleObjects::PickleObjects(ValueArena& arena, std::size_t file_size)
    : arena_(arena), budget_(kBudget), file_size_(static_cast<std::int64_t>(file_size)) {}

void PickleObjects::append(Sequence& sequence, const Value& item) {
  budget_.charge(2 * sizeof(Value));
  sequence.items.push_back(item);
}

void PickleObjects::set(Dict& dict, const Value& key, const Value& value) {
  if (!is_key(key)) throw_unexpected("a key of a dict", key);
  budget_.charge(2 * sizeof(dict.entries[0]));
  dict.entries.emplace_back(key, value);
}

Dict& PickleObjects::fillable(const Value& value) {
  Dict* const dict = value.dict();
  if (dict == nullptr) throw_unexpected("what keys are set in", value);
  return *dict;
}

Value PickleObjects::storage(const Value& persistent_id) {
  constexpr const char* kWhat = "the name of a storage";
  const std::span<const Value> id =
      expect_arguments(expect_tuple(persistent_id, kWhat), 5, 6, kWhat);
  if (expect_text(id[0], kWhat) != "storage") throw_unexpected(kWhat, id[0]);
  const std::optional<PickleSymbol> type = id[1].get<PickleSymbol>();
  const bool untyped = type && type->kind == SymbolKind::untyped_storage;
  if (!type || (type->kind != SymbolKind::typed_storage && !untyped)) {
    throw_unexpected("the type of a storage", id[1]);
  }
  const std::string_view key = expect_text(id[2], kWhat);
  // It is compared with the others', however often it is recalled.
  if (key.size() > kLongestKey)
    throw UserError("its pickle has a storage's key of over 1,024 bytes");
  expect_text(id[3], "the device of a storage");
  const std::int64_t numel = expect_integer(id[4], "the size of a storage");
  if (id.size() == 6) expect_nothing(id[5], "the view of a storage");

  const std::optional<std::int64_t> bytes = checked_multiply(numel, size_of(type->dtype));
  if (numel < 0 || !bytes || *bytes > file_size_) {
    throw UserError("its storage " + quote(key) + " would have " + std::to_string(numel) +
                    " elements, more than the file can hold");
  }
  const auto found = storage_of_key_.find(key);
  if (found != storage_of_key_.end()) {
    Storage* const known = found->second;
    if (known->dtype != type->dtype || known->untyped != untyped || known->numel != numel) {
      throw UserError("its storage " + quote(key) + " is described in two ways");
    }
    return known;
  }
  budget_.charge(2 * sizeof(Storage));
  const auto number = static_cast<std::int64_t>(storages_.size());
  Storage* const storage =
      &storages_.emplace_back(Storage{key, type->dtype, untyped, numel, number});
  storage_of_key_.emplace(key, storage);
  return storage;
}

Value PickleObjects::new_tensor(const Storage& storage, StridedTensor tensor) {
  if (tensor.offset < 0 || tensor.shape.size() != tensor.stride.size()) {
    throw UserError("its pickle has a tensor whose shape, stride and offset do not fit together");
  }
  const std::optional<std::int64_t> numel = checked_numel(tensor.shape);
  const std::optional<std::int64_t> bytes =
      numel ? checked_multiply(*numel, size_of(tensor.dtype)) : std::nullopt;
  if (!bytes) throw UserError("its pickle has a tensor whose size overflows");
  if (*numel > 0) {
    const std::optional<std::int64_t> end = end_of_window(tensor);
    if (!end || *end > storage.bytes() / size_of(tensor.dtype)) {
      throw UserError("its pickle has a tensor that reaches beyond its storage " +
                      quote(storage.key));
    }
  }
  budget_.charge(2 * sizeof(StridedTensor) + 4 * sizeof(std::int64_t) * tensor.shape.size());
  tensor.storage_id = storage.id;
  StridedTensor* const made = arena_.new_tensor(std::move(tensor));
  tensors_.emplace_back(made, storage.id);
  return made;
}

// The argument lists of torch._utils:
// _rebuild_tensor   (storage, storage_offset, size, stride)
// _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, hooks[, metadata])
// _rebuild_tensor_v3(storage, storage_offset, size, stride, requires_grad, hooks, dtype[,
// metadata])
Value PickleObjects::rebuild_tensor(SymbolKind version, std::span<const Value> arguments) {
  constexpr const char* kWhat = "the description of a tensor";
  const bool v1 = version == SymbolKind::rebuild_tensor;
  const bool v3 = version == SymbolKind::rebuild_tensor_v3;
  expect_arguments(arguments, v1 ? 4 : (v3 ? 7 : 6), v1 ? 4 : (v3 ? 8 : 7), kWhat);
  const std::optional<Storage*> storage = arguments[0].get<Storage*>();
  if (!storage) throw_unexpected("the storage of a tensor", arguments[0]);
  StridedTensor tensor;
  tensor.dtype = (*storage)->dtype;
  tensor.offset = expect_integer(arguments[1], "the offset of a tensor");
  tensor.shape = expect_sizes(arguments[2], "size of a tensor");
  tensor.stride = expect_sizes(arguments[3], "stride of a tensor");
  if (!v1) {
    tensor.requires_grad = expect_boolean(arguments[4], "requires_grad");
    expect_nothing(arguments[5], "the hooks of a tensor");
    const std::size_t metadata = v3 ? 7 : 6;
    if (arguments.size() > metadata) expect_nothing(arguments[metadata], "a tensor's metadata");
  }
  if (v3) {
    tensor.dtype = expect_symbol(arguments[6], SymbolKind::torch_dtype, "a dtype").dtype;
  }
  return new_tensor(**storage, std::move(tensor));
}

// _rebuild_parameter(data, requires_grad, hooks), _rebuild_parameter_with_state(..., state)
Value PickleObjects::rebuild_parameter(std::span<const Value> arguments) {
  expect_arguments(arguments, 3, 4, "a parameter");
  const StridedTensor* const data = arguments[0].tensor();
  if (data == nullptr) throw_unexpected("the data of a parameter", arguments[0]);
  expect_nothing(arguments[2], "the hooks of a parameter");
  StridedTensor tensor = *data;
  tensor.requires_grad = expect_boolean(arguments[1], "requires_grad");
  return new_tensor(storages_[static_cast<std::size_t>(data->storage_id)], std::move(tensor));
}

Value PickleObjects::new_dict(std::span<const Value> initial, bool ordered) {
  expect_arguments(initial, 0, 1, "a dict");
  budget_.charge(kObjectSize);
  Dict* const dict = arena_.new_dict(ordered);
  if (initial.empty()) return dict;
  if (const Dict* const from = initial[0].dict()) {
    for (const auto& [key, value] : from->entries) set(*dict, key, value);
    return dict;
  }
  const Sequence* const pairs = initial[0].sequence();
  if (pairs == nullptr) throw_unexpected("the content of a dict", initial[0]);
  for (const Value& item : pairs->items) {
    const Sequence* const pair = item.sequence();
    if (pair == nullptr || pair->items.size() != 2) throw_unexpected("an item of a dict", item);
    set(*dict, pair->items[0], pair->items[1]);
  }
  return dict;
}

Value PickleObjects::device(std::span<const Value> arguments) {
  expect_arguments(arguments, 1, 2, "a device");
  std::string name(expect_text(arguments[0], "a device"));
  if (arguments.size() == 2) {
    name += ':' + std::to_string(expect_integer(arguments[1], "a device"));
  }
  budget_.charge(kObjectSize + name.size());
  return arena_.keep(std::move(name));
}

Value PickleObjects::path(std::span<const Value> arguments) {
  std::string joined;
  for (const Value& argument : arguments) {
    if (!joined.empty() && joined.back() != '/') joined += '/';
    const std::string_view part = expect_text(argument, "a part of a path");
    budget_.charge(2 * part.size() + 1);
    joined += part;
  }
  budget_.charge(kObjectSize);
  return arena_.keep(std::move(joined));
}

Value PickleObjects::call(const Value& callable, const Value& arguments_tuple) {
  const std::optional<PickleSymbol> symbol = callable.get<PickleSymbol>();
  if (!symbol) throw_unexpected("what it calls", callable);
  const std::span<const Value> arguments = expect_tuple(arguments_tuple, "arguments");
  switch (symbol->kind) {
    case SymbolKind::ordered_dict:
      return new_dict(arguments, true);
    case SymbolKind::counter:
      return new_dict(arguments, false);
    case SymbolKind::default_dict:
      expect_arguments(arguments, 1, 1, "a defaultdict");
      return new_dict({}, false);
    case SymbolKind::name_space:
      return create(callable, arguments_tuple);
    case SymbolKind::rebuild_tensor:
    case SymbolKind::rebuild_tensor_v2:
    case SymbolKind::rebuild_tensor_v3:
      return rebuild_tensor(symbol->kind, arguments);
    case SymbolKind::rebuild_parameter:
    case SymbolKind::rebuild_parameter_with_state:
      return rebuild_parameter(arguments);
    case SymbolKind::torch_size: {
      expect_arguments(arguments, 1, 1, "a size");
      const std::vector<std::int64_t> sizes = expect_sizes(arguments[0], "size");
      budget_.charge(kObjectSize + sizes.size() * sizeof(Value));
      return arena_.new_tuple({sizes.begin(), sizes.end()});
    }
    case SymbolKind::torch_device:
      return device(arguments);
    case SymbolKind::numpy_scalar:
      return make_numpy_scalar(arguments, *this);
    case SymbolKind::numpy_reconstruct:
      return make_numpy_array(arguments, *this);
    case SymbolKind::numpy_dtype:
      return make_numpy_type(arguments);
    case SymbolKind::codecs_encode:
      return encode_latin1(arguments, *this);
    case SymbolKind::empty_bytes:
      expect_arguments(arguments, 0, 0, "empty bytes");
      return Bytes{};
    case SymbolKind::set:
      expect_arguments(arguments, 1, 1, "a set");
      if (arguments[0].sequence() == nullptr)
        throw_unexpected("the content of a set", arguments[0]);
      return arguments[0];
    case SymbolKind::path:
      return path(arguments);
    case SymbolKind::typed_storage:
    case SymbolKind::untyped_storage:
    case SymbolKind::torch_dtype:
    case SymbolKind::numpy_ndarray:
    case SymbolKind::plain_type:
      break;
  }
  throw_unexpected("what it calls", callable);
}

Value PickleObjects::create(const Value& type, const Value& arguments) {
  const std::optional<PickleSymbol> symbol = type.get<PickleSymbol>();
  expect_arguments(expect_tuple(arguments, "arguments"), 0, 0, "a new object");
  if (symbol && symbol->kind == SymbolKind::ordered_dict) return new_dict({}, true);
  if (!symbol || symbol->kind != SymbolKind::name_space) throw_unexpected("a class", type);
  budget_.charge(2 * kObjectSize);
  return arena_.new_object("argparse.Namespace");
}

void PickleObjects::build(const Value& object, const Value& state) {
  if (Object* const name_space = object.object()) {
    const Dict* const attributes = state.dict();
    if (attributes == nullptr) throw_unexpected("the attributes of a Namespace", state);
    for (const auto& [key, value] : attributes->entries) set(name_space->attributes, key, value);
    return;
  }
  if (const Dict* const dict = object.dict(); dict != nullptr && dict->ordered) {
    // state_dict() notes the versions of its modules here; nothing needs them
    if (state.dict() == nullptr) throw_unexpected("the attributes of an OrderedDict", state);
    return;
  }
  if (object.get<NumpyType>()) {
    check_numpy_type_state(expect_tuple(state, "the state of a numpy.dtype"));
    return;
  }
  if (const std::optional<NumpyArray*> array = object.get<NumpyArray*>()) {
    fill_numpy_array(**array, expect_tuple(state, "the state of a numpy array"), *this);
    return;
  }
  throw_unexpected("what gets attributes", object);
}

void PickleObjects::attach(std::span<const std::span<const std::byte>> bytes) {
  assert(bytes.size() == storages_.size());
  for (const auto& [tensor, id] : tensors_) tensor->storage = bytes[static_cast<std::size_t>(id)];
}

}  // namespace convmae
