#pragma once

#include "convmae/io/value.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace convmae {

/// A storage that a pickle names. Its bytes are found by the container's reader.
struct Storage {
  std::string_view key;
  DType dtype = DType::u8;
  bool untyped = false;
  /// In elements of `dtype`.
  std::int64_t numel = 0;
  /// In the order of first appearance.
  std::int64_t id = 0;

  /// Cannot overflow: checked when the storage was named.
  std::int64_t bytes() const { return numel * size_of(dtype); }
};

/// Counts what a file makes the reader allocate, and stops it at a limit.
class AllocationBudget {
 public:
  explicit AllocationBudget(std::size_t bytes) : left_(bytes) {}
  /// Throws UserError if less than that is left.
  void charge(std::size_t bytes);

 private:
  std::size_t left_;
};

/// Makes the objects that a pickle describes, by the rules of the symbols on the list
/// (PickleSymbol). What a rule does not expect is a UserError.
class PickleObjects {
 public:
  /// `file_size` bounds the size of storages and tensors.
  PickleObjects(ValueArena& arena, std::size_t file_size);

  ValueArena& arena() { return arena_; }
  AllocationBudget& budget() { return budget_; }

  /// The opcodes REDUCE, NEWOBJ, BUILD and BINPERSID. `arguments` must be a tuple.
  Value call(const Value& callable, const Value& arguments);
  Value create(const Value& type, const Value& arguments);
  void build(const Value& object, const Value& state);
  Value storage(const Value& persistent_id);

  void append(Sequence& sequence, const Value& item);
  void set(Dict& dict, const Value& key, const Value& value);
  /// The members of a dict or of something like it that SETITEMS may fill; throws for others.
  static Dict& fillable(const Value& value);

  const std::deque<Storage>& storages() const { return storages_; }
  /// Gives the tensors their storages' bytes, by Storage::id.
  void attach(std::span<const std::span<const std::byte>> bytes);

 private:
  Value rebuild_tensor(SymbolKind version, std::span<const Value> arguments);
  Value new_tensor(const Storage& storage, StridedTensor tensor);
  Value rebuild_parameter(std::span<const Value> arguments);
  Value new_dict(std::span<const Value> initial, bool ordered);
  Value device(std::span<const Value> arguments);
  Value path(std::span<const Value> arguments);

  ValueArena& arena_;
  AllocationBudget budget_;
  std::int64_t file_size_;
  std::deque<Storage> storages_;
  std::map<std::string_view, Storage*> storage_of_key_;
  std::vector<std::pair<StridedTensor*, std::int64_t>> tensors_;
};

}  // namespace convmae
