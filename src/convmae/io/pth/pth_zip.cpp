#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/io/pth/pickle_machine.h"
#include "convmae/io/pth/pth_container.h"
#include "convmae/io/pth/zip_reader.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {
namespace {

using Span = std::span<const std::byte>;
using Members = std::map<std::string_view, Span>;

/// All members lie in one folder, whose name is that of the file when it was saved.
std::string find_folder(const Members& members) {
  constexpr std::string_view kPickle = "/data.pkl";
  std::string folder;
  for (const auto& [name, data] : members) {
    if (!name.ends_with(kPickle)) continue;
    if (!folder.empty()) throw UserError("it has several members data.pkl");
    folder = name.substr(0, name.size() - kPickle.size() + 1);
  }
  if (folder.empty()) throw UserError("it is a ZIP file without the member data.pkl");
  if (members.contains(folder + "constants.pkl")) {
    throw UserError("it is a TorchScript module; save its state_dict in Python and try again");
  }
  return folder;
}

void check_byte_order(const Members& members, const std::string& folder) {
  const auto found = members.find(folder + "byteorder");
  if (found == members.end()) return;
  const std::string_view order(reinterpret_cast<const char*>(found->second.data()),
                               found->second.size());
  if (order != "little") throw UserError("its numbers are not little-endian");
}

}  // namespace

Value read_zip_container(Span file, PickleObjects& objects) {
  const Members members = read_zip(file);
  const std::string folder = find_folder(members);
  check_byte_order(members, folder);
  std::size_t consumed = 0;
  const Span pickle = members.at(folder + "data.pkl");
  const Value root = run_pickle(pickle, objects, consumed);
  if (consumed != pickle.size()) throw UserError("its pickle is followed by something else");

  std::vector<Span> bytes;
  for (const Storage& storage : objects.storages()) {
    const auto found = members.find(std::string(folder).append("data/").append(storage.key));
    if (found == members.end())
      throw UserError("its storage " + quote(storage.key) + " is missing");
    if (static_cast<std::int64_t>(found->second.size()) != storage.bytes()) {
      throw UserError("its storage " + quote(storage.key) + " should have " +
                      std::to_string(storage.bytes()) + " bytes, but has " +
                      std::to_string(found->second.size()));
    }
    bytes.push_back(found->second);
  }
  objects.attach(bytes);
  return root;
}

}  // namespace convmae
