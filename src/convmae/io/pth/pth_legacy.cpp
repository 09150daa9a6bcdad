#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/byte_reader.h"
#include "convmae/io/pth/pickle_arguments.h"
#include "convmae/io/pth/pickle_machine.h"
#include "convmae/io/pth/pth_container.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {
namespace {

using Span = std::span<const std::byte>;

constexpr std::string_view kMagic = "119547037146038801333356";  // 0x1950a86a20f9469cfc6c
constexpr std::int64_t kProtocol = 1001;

/// Runs the pickles that follow each other.
class Pickles {
 public:
  Pickles(Span file, PickleObjects& objects) : rest_(file), objects_(objects) {}

  Value next() {
    std::size_t consumed = 0;
    const Value value = run_pickle(rest_, objects_, consumed);
    rest_ = rest_.subspan(consumed);
    return value;
  }

  Span rest() const { return rest_; }

 private:
  Span rest_;
  PickleObjects& objects_;
};

void check_system(const Value& information) {
  const Dict* const dict = information.dict();
  const Value* const little_endian = dict == nullptr ? nullptr : dict->find("little_endian");
  if (little_endian == nullptr || little_endian->boolean() != true) {
    throw UserError("its numbers are not little-endian");
  }
}

}  // namespace

// Five pickles - a magic number, the version of the container, the system that wrote it, the
// object, the keys of the storages - and then, for each key, the number of elements and the
// elements.
Value read_legacy_container(Span file, PickleObjects& objects) {
  Pickles pickles(file, objects);
  const std::optional<BigInteger> magic = pickles.next().get<BigInteger>();
  if (!magic || magic->decimal != kMagic) {
    throw UserError("it is a pickle, but torch.save did not write it");
  }
  if (pickles.next().integer() != kProtocol) {
    throw UserError("its version is not 1001, the only one known");
  }
  check_system(pickles.next());
  const Value root = pickles.next();
  const std::optional<Value::List> keys = pickles.next().get<Value::List>();
  if (!keys) throw UserError("the list of its storages is missing");

  std::map<std::string_view, const Storage*> storage_of_key;
  for (const Storage& storage : objects.storages()) storage_of_key.emplace(storage.key, &storage);
  std::vector<Span> bytes(objects.storages().size());
  if (keys->items->items.size() != bytes.size()) {
    throw UserError("its pickle names " + std::to_string(bytes.size()) +
                    " storages, but it contains " + std::to_string(keys->items->items.size()));
  }
  ByteReader reader(pickles.rest());
  for (const Value& item : keys->items->items) {
    const std::string_view key = expect_text(item, "the key of a storage");
    const auto found = storage_of_key.find(key);
    if (found == storage_of_key.end()) {
      throw UserError("it contains the storage " + quote(key) + ", which nothing refers to");
    }
    const Storage& storage = *found->second;
    storage_of_key.erase(found);  // so that a key that comes twice is not found again
    const auto numel = reader.number<std::int64_t>();
    if (numel != storage.numel) {
      throw UserError("its storage " + quote(key) + " should have " +
                      std::to_string(storage.numel) + " elements, but has " +
                      std::to_string(numel));
    }
    bytes[static_cast<std::size_t>(storage.id)] =
        reader.take(static_cast<std::uint64_t>(storage.bytes()));
  }
  if (reader.remaining() != 0) throw UserError("its storages are followed by something else");
  objects.attach(bytes);
  return root;
}

}  // namespace convmae
