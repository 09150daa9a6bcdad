#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

// Pieces of pickles, opcode by opcode (protocol 2).
namespace convmae::test {

std::string join(std::initializer_list<std::string_view> parts);

std::string pickle_text(std::string_view text);
std::string pickle_int(std::int64_t value);
std::string pickle_global(std::string_view module, std::string_view name);
std::string pickle_tuple(const std::vector<std::int64_t>& values);

/// The reference to a storage.
struct RawStorage {
  std::string type = pickle_global("torch", "FloatStorage");
  std::string key = "0";
  std::string numel = pickle_int(4);

  std::string pickle() const;
};

/// A call of _rebuild_tensor_v2; each member is a piece of pickle.
struct RawTensor {
  std::string storage = RawStorage().pickle();
  std::string offset = pickle_int(0);
  std::string size = pickle_tuple({2, 2});
  std::string stride = pickle_tuple({2, 1});
  std::string requires_grad = "\x89";
  std::string hooks = pickle_global("collections", "OrderedDict") + ")R";

  std::string pickle() const;
};

/// {"model": OrderedDict(w=`tensor`), "epoch": 3, "args": `arguments`}
struct RawCheckpoint {
  std::string protocol = "\x80\x02";
  std::string tensor = RawTensor().pickle();
  std::string arguments = "N";

  std::string pickle() const;
};

}  // namespace convmae::test
