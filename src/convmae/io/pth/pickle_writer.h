#pragma once

#include "convmae/io/value.h"

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace convmae {

/// Writes values as a pickle of protocol 2 with the references that torch.load resolves.
class PickleWriter {
 public:
  /// A pickle of `root`.
  explicit PickleWriter(const Value& root);

  const std::string& pickle() const { return pickle_; }
  /// The storages that the pickle refers to as "0", "1", ...
  const std::vector<std::span<const std::byte>>& storages() const { return storages_; }

 private:
  void write(const Value& value);
  void write_integer(std::int64_t value);
  void write_big_integer(std::string_view decimal);
  void write_real(double value);
  void write_text(std::string_view text);
  void write_bytes(std::span<const std::byte> bytes);
  void write_members(const Dict& dict);
  void write_tensor(const StridedTensor& tensor);
  void write_sizes(std::span<const std::int64_t> sizes);
  void write_storage(const StridedTensor& tensor);
  void write_symbol(std::string_view module, std::string_view name);
  template <typename T>
  void number(T value);

  std::string pickle_;
  std::vector<std::span<const std::byte>> storages_;
  std::map<std::tuple<const std::byte*, std::size_t, DType>, std::size_t> storage_numbers_;
};

}  // namespace convmae
