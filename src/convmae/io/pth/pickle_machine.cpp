#include "convmae/io/pth/pickle_machine.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/utf8.h"
#include "convmae/io/byte_reader.h"
#include "convmae/io/pth/pickle_integer.h"
#include "convmae/io/pth/pickle_opcode.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>

namespace convmae {
namespace {

constexpr std::size_t kMostOpcodes = 5'000'000;
constexpr std::size_t kMostMemos = std::size_t{1} << 20;
constexpr std::size_t kLongestName = 200;

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, PickleObjects& objects)
      : reader_(bytes), objects_(objects) {}

  Value run() {
    for (std::size_t count = 0; count < kMostOpcodes; ++count) {
      const auto opcode = static_cast<Opcode>(reader_.number<unsigned char>());
      if (opcode == Opcode::stop) return finish();
      const bool known = push_constant(opcode) || push_container(opcode) || change(opcode) ||
                         use_stack(opcode) || use_memo(opcode);
      if (!known) {
        throw UserError("its pickle has the opcode " +
                        std::to_string(static_cast<unsigned>(opcode)) +
                        ", which torch.save does not write");
      }
    }
    throw UserError("its pickle has over 5 million opcodes");
  }

  std::size_t consumed() const { return reader_.position(); }

 private:
  Value finish() {
    const Value result = pop();
    if (!stack_.empty() || !marks_.empty()) throw UserError("its pickle leaves values unused");
    return result;
  }

  void push(const Value& value) {
    if (stack_.size() == stack_.capacity()) {
      objects_.budget().charge(sizeof(Value) * std::max<std::size_t>(stack_.size(), 1));
    }
    stack_.push_back(value);
  }

  /// The lowest place that opcodes may take from: the last mark.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  Value& top() {
    if (stack_.size() <= floor()) throw UserError("its pickle takes a value where there is none");
    return stack_.back();
  }

  Value pop() {
    const Value value = top();
    stack_.pop_back();
    return value;
  }

  /// Removes the last mark and returns what was above it, which stays valid until the next push.
  std::span<const Value> pop_to_mark() {
    if (marks_.empty()) throw UserError("its pickle closes a mark that it did not set");
    const std::size_t begin = marks_.back();
    marks_.pop_back();
    popped_.assign(stack_.begin() + static_cast<std::ptrdiff_t>(begin), stack_.end());
    stack_.resize(begin);
    return popped_;
  }

  std::string_view checked_text(std::uint64_t size) {
    const std::string_view text = reader_.text(size);
    if (!is_pickled_text(text)) throw UserError("its pickle has text that is not UTF-8");
    return text;
  }

  Bytes checked_bytes(std::uint64_t size) { return {reader_.take(size)}; }

  Value big_endian_double() {
    auto bits = reader_.number<std::uint64_t>();
    bits = __builtin_bswap64(bits);
    return std::bit_cast<double>(bits);
  }

  Value integer(std::uint64_t size) { return decode_pickle_integer(reader_.take(size), objects_); }

  bool push_constant(Opcode opcode) {
    switch (opcode) {
      case Opcode::none:
        push({});
        return true;
      case Opcode::newtrue:
        push(true);
        return true;
      case Opcode::newfalse:
        push(false);
        return true;
      case Opcode::binint:
        push(std::int64_t{reader_.number<std::int32_t>()});
        return true;
      case Opcode::binint1:
        push(std::int64_t{reader_.number<std::uint8_t>()});
        return true;
      case Opcode::binint2:
        push(std::int64_t{reader_.number<std::uint16_t>()});
        return true;
      case Opcode::long1:
        push(integer(reader_.number<std::uint8_t>()));
        return true;
      case Opcode::long4:
        push(integer(reader_.number<std::uint32_t>()));
        return true;
      case Opcode::binfloat:
        push(big_endian_double());
        return true;
      case Opcode::short_binstring:  // what Python 2 called a string
      case Opcode::short_binunicode:
        push(checked_text(reader_.number<std::uint8_t>()));
        return true;
      case Opcode::binstring:
      case Opcode::binunicode:
        push(checked_text(reader_.number<std::uint32_t>()));
        return true;
      case Opcode::binunicode8:
        push(checked_text(reader_.number<std::uint64_t>()));
        return true;
      case Opcode::short_binbytes:
        push(checked_bytes(reader_.number<std::uint8_t>()));
        return true;
      case Opcode::binbytes:
        push(checked_bytes(reader_.number<std::uint32_t>()));
        return true;
      case Opcode::binbytes8:
        push(checked_bytes(reader_.number<std::uint64_t>()));
        return true;
      default:
        return false;
    }
  }

  Value tuple_of(std::span<const Value> items) {
    objects_.budget().charge(64 + items.size_bytes());
    return objects_.arena().new_tuple({items.begin(), items.end()});
  }

  Value tuple_of_last(std::size_t count) {
    if (stack_.size() < floor() + count) {
      throw UserError("its pickle takes a value where there is none");
    }
    const Value tuple = tuple_of(std::span(stack_).last(count));
    stack_.resize(stack_.size() - count);
    return tuple;
  }

  Value new_list() {
    objects_.budget().charge(64);
    return objects_.arena().new_list();
  }

  Value new_dict() {
    objects_.budget().charge(64);
    return objects_.arena().new_dict();
  }

  bool push_container(Opcode opcode) {
    switch (opcode) {
      case Opcode::empty_tuple:
        push(tuple_of({}));
        return true;
      case Opcode::tuple1:
        push(tuple_of_last(1));
        return true;
      case Opcode::tuple2:
        push(tuple_of_last(2));
        return true;
      case Opcode::tuple3:
        push(tuple_of_last(3));
        return true;
      case Opcode::tuple:
        push(tuple_of(pop_to_mark()));
        return true;
      case Opcode::empty_list:
      case Opcode::empty_set:  // a set is read as the list of its items
        push(new_list());
        return true;
      case Opcode::list:
      case Opcode::frozenset: {
        const Value list = new_list();
        add_items(list, pop_to_mark());
        push(list);
        return true;
      }
      case Opcode::empty_dict:
        push(new_dict());
        return true;
      case Opcode::dict: {
        const Value dict = new_dict();
        set_items(dict, pop_to_mark());
        push(dict);
        return true;
      }
      default:
        return false;
    }
  }

  void add_items(const Value& to, std::span<const Value> items) {
    const std::optional<Value::List> list = to.get<Value::List>();
    if (!list) throw UserError("its pickle appends to something that is not a list");
    for (const Value& item : items) objects_.append(*list->items, item);
  }

  void set_items(const Value& to, std::span<const Value> items) {
    if (items.size() % 2 != 0) throw UserError("its pickle has a key without a value");
    Dict& dict = PickleObjects::fillable(to);
    for (std::size_t i = 0; i < items.size(); i += 2) objects_.set(dict, items[i], items[i + 1]);
  }

  bool change(Opcode opcode) {
    switch (opcode) {
      case Opcode::append: {
        const Value item = pop();
        add_items(top(), {&item, 1});
        return true;
      }
      case Opcode::appends:
      case Opcode::additems: {
        const std::span<const Value> items = pop_to_mark();
        add_items(top(), items);
        return true;
      }
      case Opcode::setitem: {
        const Value value = pop();
        const Value items[] = {pop(), value};
        set_items(top(), items);
        return true;
      }
      case Opcode::setitems: {
        const std::span<const Value> items = pop_to_mark();
        set_items(top(), items);
        return true;
      }
      case Opcode::build: {
        const Value state = pop();
        objects_.build(top(), state);
        return true;
      }
      default:
        return false;
    }
  }

  std::string_view line() {
    std::size_t size = 0;
    ByteReader ahead = reader_;
    while (ahead.number<char>() != '\n') {
      if (++size > kLongestName) throw UserError("its pickle has a name of over 200 bytes");
    }
    const std::string_view text = reader_.text(size);
    reader_.take(1);
    return text;
  }

  static Value symbol(std::string_view module, std::string_view name) {
    const std::optional<PickleSymbol> found = find_pickle_symbol(module, name);
    if (!found) {
      throw UserError("it refers to " + quote(std::string(module).append(".").append(name)) +
                      ", which is not plain data; nothing of the file was used or run. Save the "
                      "state_dict alone in Python and try again");
    }
    return *found;
  }

  Value stack_symbol() {
    const Value name = pop();
    const Value module = pop();
    if (!name.text() || !module.text()) throw UserError("its pickle has a name that is not text");
    return symbol(*module.text(), *name.text());
  }

  bool use_stack(Opcode opcode) {
    switch (opcode) {
      case Opcode::mark:
        objects_.budget().charge(sizeof(std::size_t));
        marks_.push_back(stack_.size());
        return true;
      case Opcode::pop:
        // on an empty stretch, Python's pickler uses it to remove the mark
        if (!marks_.empty() && stack_.size() == marks_.back()) {
          marks_.pop_back();
        } else {
          pop();
        }
        return true;
      case Opcode::pop_mark:
        pop_to_mark();
        return true;
      case Opcode::dup:
        push(Value(top()));
        return true;
      case Opcode::global: {
        const std::string_view module = line();
        push(symbol(module, line()));
        return true;
      }
      case Opcode::stack_global:
        push(stack_symbol());
        return true;
      case Opcode::reduce: {
        const Value arguments = pop();
        push(objects_.call(pop(), arguments));
        return true;
      }
      case Opcode::newobj: {
        const Value arguments = pop();
        push(objects_.create(pop(), arguments));
        return true;
      }
      case Opcode::binpersid:
        push(objects_.storage(pop()));
        return true;
      default:
        return false;
    }
  }

  void put(std::size_t index) {
    if (index >= kMostMemos) throw UserError("its pickle remembers over a million values");
    if (index >= memo_.size()) {
      objects_.budget().charge((index + 1 - memo_.size()) * sizeof(memo_[0]));
      memo_.resize(index + 1);
    }
    memo_[index] = top();
  }

  void get(std::size_t index) {
    if (index >= memo_.size() || !memo_[index]) {
      throw UserError("its pickle recalls a value that it did not remember");
    }
    push(*memo_[index]);
  }

  bool use_memo(Opcode opcode) {
    switch (opcode) {
      case Opcode::binput:
        put(reader_.number<std::uint8_t>());
        return true;
      case Opcode::long_binput:
        put(reader_.number<std::uint32_t>());
        return true;
      case Opcode::memoize:
        put(memo_.size());
        return true;
      case Opcode::binget:
        get(reader_.number<std::uint8_t>());
        return true;
      case Opcode::long_binget:
        get(reader_.number<std::uint32_t>());
        return true;
      case Opcode::proto: {
        const auto protocol = reader_.number<std::uint8_t>();
        if (protocol < 2 || protocol > 5) {
          throw UserError("its pickle has protocol " + std::to_string(protocol) +
                          "; expected 2 to 5");
        }
        return true;
      }
      case Opcode::frame:
        reader_.take(8);  // a hint for buffering
        return true;
      default:
        return false;
    }
  }

  ByteReader reader_;
  PickleObjects& objects_;
  std::vector<Value> stack_;
  std::vector<Value> popped_;
  std::vector<std::size_t> marks_;
  std::vector<std::optional<Value>> memo_;
};

}  // namespace

Value run_pickle(std::span<const std::byte> bytes, PickleObjects& objects, std::size_t& consumed) {
  Machine machine(bytes, objects);
  const Value result = machine.run();
  consumed = machine.consumed();
  return result;
}

}  // namespace convmae
