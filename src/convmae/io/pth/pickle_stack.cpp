#include "convmae/io/pth/pickle_stack.h"

#include "convmae/base/error.h"

#include <algorithm>

namespace convmae {
namespace {

constexpr std::size_t kMostMemos = std::size_t{1} << 20;

[[noreturn]] void fail_for_no_value() {
  throw UserError("its pickle takes a value where there is none");
}

}  // namespace

void PickleStack::push(const Value& value) {
  if (values_.size() == values_.capacity()) {
    budget_.charge(sizeof(Value) * std::max<std::size_t>(values_.size(), 1));
  }
  values_.push_back(value);
}

Value& PickleStack::top() {
  if (values_.size() <= floor()) fail_for_no_value();
  return values_.back();
}

Value PickleStack::pop() {
  const Value value = top();
  values_.pop_back();
  return value;
}

std::span<const Value> PickleStack::last(std::size_t count) const {
  if (values_.size() < floor() + count) fail_for_no_value();
  return std::span(values_).last(count);
}

void PickleStack::drop(std::size_t count) { values_.resize(values_.size() - last(count).size()); }

void PickleStack::mark() {
  budget_.charge(sizeof(std::size_t));
  marks_.push_back(values_.size());
}

std::span<const Value> PickleStack::pop_to_mark() {
  if (marks_.empty()) throw UserError("its pickle closes a mark that it did not set");
  const std::size_t begin = marks_.back();
  marks_.pop_back();
  popped_.assign(values_.begin() + static_cast<std::ptrdiff_t>(begin), values_.end());
  values_.resize(begin);
  return popped_;
}

void PickleStack::pop_or_unmark() {
  if (!marks_.empty() && values_.size() == marks_.back()) {
    marks_.pop_back();
  } else {
    pop();
  }
}

void PickleStack::remember(std::size_t index) {
  if (index >= kMostMemos) throw UserError("its pickle remembers over a million values");
  if (index >= memo_.size()) {
    budget_.charge((index + 1 - memo_.size()) * sizeof(memo_[0]));
    memo_.resize(index + 1);
  }
  memo_[index] = top();
}

void PickleStack::recall(std::size_t index) {
  if (index >= memo_.size() || !memo_[index]) {
    throw UserError("its pickle recalls a value that it did not remember");
  }
  push(*memo_[index]);
}

}  // namespace convmae
