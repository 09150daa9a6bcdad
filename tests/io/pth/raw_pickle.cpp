#include "raw_pickle.h"

#include "support/bytes.h"

namespace convmae::test {

std::string join(std::initializer_list<std::string_view> parts) {
  std::string joined;
  for (const std::string_view part : parts) joined += part;
  return joined;
}

std::string pickle_text(std::string_view text) { return join({"X", little(text.size(), 4), text}); }

std::string pickle_int(std::int64_t value) {
  return join({"\x8a\x08", little(static_cast<std::uint64_t>(value), 8)});
}

std::string pickle_global(std::string_view module, std::string_view name) {
  return join({"c", module, "\n", name, "\n"});
}

std::string pickle_tuple(const std::vector<std::int64_t>& values) {
  std::string tuple = "(";
  for (const std::int64_t value : values) tuple += pickle_int(value);
  return tuple + 't';
}

std::string RawStorage::pickle() const {
  return join(
      {"(", pickle_text("storage"), type, pickle_text(key), pickle_text("cpu"), numel, "tQ"});
}

std::string RawTensor::pickle() const {
  return join({pickle_global("torch._utils", "_rebuild_tensor_v2"), "(", storage, offset, size,
               stride, requires_grad, hooks, "tR"});
}

std::string RawCheckpoint::pickle() const {
  return join({protocol, "}(", pickle_text("model"), pickle_global("collections", "OrderedDict"),
               ")R", pickle_text("w"), tensor, "s", pickle_text("epoch"), "K\x03",
               pickle_text("args"), arguments, "u."});
}

}  // namespace convmae::test
