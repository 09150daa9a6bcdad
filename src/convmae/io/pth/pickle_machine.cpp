#include "convmae/io/pth/pickle_machine.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/utf8.h"
#include "convmae/io/byte_reader.h"
#include "convmae/io/pth/pickle_integer.h"
#include "convmae/io/pth/pickle_opcode.h"
#include "convmae/io/pth/pickle_stack.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>

namespace convmae {
namespace {

constexpr std::size_t kMostOpcodes = 5'000'000;
constexpr std::size_t kLongestName = 200;

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, PickleObjects& objects)
      : reader_(bytes), objects_(objects), stack_(objects.budget()) {}

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
    const Value result = stack_.pop();
    if (!stack_.empty()) throw UserError("its pickle leaves values unused");
    return result;
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
        stack_.push({});
        return true;
      case Opcode::newtrue:
        stack_.push(true);
        return true;
      case Opcode::newfalse:
        stack_.push(false);
        return true;
      case Opcode::binint:
        stack_.push(std::int64_t{reader_.number<std::int32_t>()});
        return true;
      case Opcode::binint1:
        stack_.push(std::int64_t{reader_.number<std::uint8_t>()});
        return true;
      case Opcode::binint2:
        stack_.push(std::int64_t{reader_.number<std::uint16_t>()});
        return true;
      case Opcode::long1:
        stack_.push(integer(reader_.number<std::uint8_t>()));
        return true;
      case Opcode::long4:
        stack_.push(integer(reader_.number<std::uint32_t>()));
        return true;
      case Opcode::binfloat:
        stack_.push(big_endian_double());
        return true;
      case Opcode::short_binstring:  // what Python 2 called a string
      case Opcode::short_binunicode:
        stack_.push(checked_text(reader_.number<std::uint8_t>()));
        return true;
      case Opcode::binstring:
      case Opcode::binunicode:
        stack_.push(checked_text(reader_.number<std::uint32_t>()));
        return true;
      case Opcode::binunicode8:
        stack_.push(checked_text(reader_.number<std::uint64_t>()));
        return true;
      case Opcode::short_binbytes:
        stack_.push(checked_bytes(reader_.number<std::uint8_t>()));
        return true;
      case Opcode::binbytes:
        stack_.push(checked_bytes(reader_.number<std::uint32_t>()));
        return true;
      case Opcode::binbytes8:
        stack_.push(checked_bytes(reader_.number<std::uint64_t>()));
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
    const Value tuple = tuple_of(stack_.last(count));
    stack_.drop(count);
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
        stack_.push(tuple_of({}));
        return true;
      case Opcode::tuple1:
        stack_.push(tuple_of_last(1));
        return true;
      case Opcode::tuple2:
        stack_.push(tuple_of_last(2));
        return true;
      case Opcode::tuple3:
        stack_.push(tuple_of_last(3));
        return true;
      case Opcode::tuple:
        stack_.push(tuple_of(stack_.pop_to_mark()));
        return true;
      case Opcode::empty_list:
      case Opcode::empty_set:  // a set is read as the list of its items
        stack_.push(new_list());
        return true;
      case Opcode::list:
      case Opcode::frozenset: {
        const Value list = new_list();
        add_items(list, stack_.pop_to_mark());
        stack_.push(list);
        return true;
      }
      case Opcode::empty_dict:
        stack_.push(new_dict());
        return true;
      case Opcode::dict: {
        const Value dict = new_dict();
        set_items(dict, stack_.pop_to_mark());
        stack_.push(dict);
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
        const Value item = stack_.pop();
        add_items(stack_.top(), {&item, 1});
        return true;
      }
      case Opcode::appends:
      case Opcode::additems: {
        const std::span<const Value> items = stack_.pop_to_mark();
        add_items(stack_.top(), items);
        return true;
      }
      case Opcode::setitem: {
        const Value value = stack_.pop();
        const Value items[] = {stack_.pop(), value};
        set_items(stack_.top(), items);
        return true;
      }
      case Opcode::setitems: {
        const std::span<const Value> items = stack_.pop_to_mark();
        set_items(stack_.top(), items);
        return true;
      }
      case Opcode::build: {
        const Value state = stack_.pop();
        objects_.build(stack_.top(), state);
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
    const Value name = stack_.pop();
    const Value module = stack_.pop();
    if (!name.text() || !module.text()) throw UserError("its pickle has a name that is not text");
    return symbol(*module.text(), *name.text());
  }

  bool use_stack(Opcode opcode) {
    switch (opcode) {
      case Opcode::mark:
        stack_.mark();
        return true;
      case Opcode::pop:
        stack_.pop_or_unmark();
        return true;
      case Opcode::pop_mark:
        stack_.pop_to_mark();
        return true;
      case Opcode::dup:
        stack_.push(Value(stack_.top()));
        return true;
      case Opcode::global: {
        const std::string_view module = line();
        stack_.push(symbol(module, line()));
        return true;
      }
      case Opcode::stack_global:
        stack_.push(stack_symbol());
        return true;
      case Opcode::reduce: {
        const Value arguments = stack_.pop();
        stack_.push(objects_.call(stack_.pop(), arguments));
        return true;
      }
      case Opcode::newobj: {
        const Value arguments = stack_.pop();
        stack_.push(objects_.create(stack_.pop(), arguments));
        return true;
      }
      case Opcode::binpersid:
        stack_.push(objects_.storage(stack_.pop()));
        return true;
      default:
        return false;
    }
  }

  bool use_memo(Opcode opcode) {
    switch (opcode) {
      case Opcode::binput:
        stack_.remember(reader_.number<std::uint8_t>());
        return true;
      case Opcode::long_binput:
        stack_.remember(reader_.number<std::uint32_t>());
        return true;
      case Opcode::memoize:
        stack_.remember(stack_.remembered());
        return true;
      case Opcode::binget:
        stack_.recall(reader_.number<std::uint8_t>());
        return true;
      case Opcode::long_binget:
        stack_.recall(reader_.number<std::uint32_t>());
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
  PickleStack stack_;
};

}  // namespace

Value run_pickle(std::span<const std::byte> bytes, PickleObjects& objects, std::size_t& consumed) {
  Machine machine(bytes, objects);
  const Value result = machine.run();
  consumed = machine.consumed();
  return result;
}

}  // namespace convmae
