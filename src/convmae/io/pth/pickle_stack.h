#pragma once

#include "convmae/io/pth/pickle_objects.h"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace convmae {

/// What a pickle's opcodes work on: a stack of values with marks in it, and the values that are
/// remembered by number. All that it takes is charged to the budget. Every call throws UserError
/// for what no pickler writes: a value or a mark that is not there.
class PickleStack {
 public:
  explicit PickleStack(AllocationBudget& budget) : budget_(budget) {}

  void push(const Value& value);
  Value pop();
  Value& top();
  /// The topmost `count` values, the last one on top.
  std::span<const Value> last(std::size_t count) const;
  void drop(std::size_t count);

  void mark();
  /// Removes the last mark and returns what was above it, which stays valid until the next call.
  std::span<const Value> pop_to_mark();
  /// The opcode POP: on an empty stretch, Python's pickler uses it to remove the mark.
  void pop_or_unmark();
  /// Whether neither values nor marks are left.
  bool empty() const { return values_.empty() && marks_.empty(); }

  /// Keeps the topmost value under that number.
  void remember(std::size_t index);
  /// Pushes the value of that number.
  void recall(std::size_t index);
  /// One above the largest number in use.
  std::size_t remembered() const { return memo_.size(); }

 private:
  /// The lowest place that opcodes may take from: the last mark.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  AllocationBudget& budget_;
  std::vector<Value> values_;
  std::vector<Value> popped_;
  std::vector<std::size_t> marks_;
  std::vector<std::optional<Value>> memo_;
};

}  // namespace convmae
