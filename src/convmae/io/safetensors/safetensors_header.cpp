#include "convmae/io/safetensors/safetensors_header.h"

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <unordered_set>
#include <utility>

namespace convmae {
namespace {

constexpr std::size_t kMostTensors = 250'000;
constexpr std::size_t kLargestMetadata = std::size_t{16} << 20;
constexpr std::size_t kEntryCost = 64;  // of one of metadata, beside its text
constexpr std::size_t kMostDimensions = 64;

/// Receives the tokens of the header. Everything is refused that a header cannot contain, so depth
/// and memory are bounded by the checks here.
class HeaderHandler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  SafetensorsHeader take() { return std::move(header_); }

  bool null() override { return unexpected("null"); }
  bool boolean(bool /*value*/) override { return unexpected("true or false"); }
  bool number_integer(number_integer_t /*value*/) override {
    return unexpected("a negative number");
  }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override {
    return unexpected("a number that is not a whole one of at most 64 bits");
  }
  bool binary(binary_t& /*value*/) override { return unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (value > std::numeric_limits<std::int64_t>::max()) return unexpected("a number over 2^63");
    const auto number = static_cast<std::int64_t>(value);
    if (place_ == Place::shape) {
      if (entry_.shape.size() == kMostDimensions) fail(where() + " has over 64 dimensions");
      entry_.shape.push_back(number);
      return true;
    }
    if (place_ == Place::offsets) {
      if (offset_count_ == 2) fail(where() + " has more than two data_offsets");
      (offset_count_++ == 0 ? entry_.begin : entry_.end) = number;
      return true;
    }
    return unexpected("a number");
  }

  bool string(string_t& value) override {
    if (place_ == Place::metadata) {
      metadata_size_ += key_.size() + value.size() + kEntryCost;
      if (metadata_size_ > kLargestMetadata) fail("its __metadata__ has over 16 MiB");
      header_.metadata[key_] = std::move(value);
      return true;
    }
    if (place_ == Place::tensor && key_ == "dtype") {
      const std::optional<DType> dtype = dtype_from_safetensors(value);
      if (!dtype) fail(where() + " has the dtype " + quote(value) + ", which is not supported");
      entry_.dtype = *dtype;
      return true;
    }
    return unexpected("a string");
  }

  bool start_object(std::size_t /*size*/) override {
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top && key_ == "__metadata__") {
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      if (header_.entries.size() == kMostTensors) fail("it has over 250,000 tensors");
      place_ = Place::tensor;
      entry_ = {};
      entry_.name = key_;
      seen_fields_ = {};
      offset_count_ = 0;
    } else {
      return unexpected("an object");
    }
    return true;
  }

  bool key(string_t& name) override {
    key_ = std::move(name);
    if (place_ == Place::top) {
      if (!names_.insert(key_).second) fail("the key " + quote(key_) + " occurs twice");
    } else if (place_ == Place::metadata) {
      if (header_.metadata.contains(key_)) {
        fail("the key " + quote(key_) + " of __metadata__ occurs twice");
      }
    } else {
      note_field();
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor) {
      for (std::size_t field = 0; field < kFields.size(); ++field) {
        if (!seen_fields_[field]) fail(where() + " has no " + std::string(kFields[field]));
      }
      header_.entries.push_back(std::move(entry_));
    }
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }

  bool start_array(std::size_t /*size*/) override {
    if (place_ == Place::tensor && key_ == "shape") {
      place_ = Place::shape;
    } else if (place_ == Place::tensor && key_ == "data_offsets") {
      place_ = Place::offsets;
    } else {
      return unexpected("an array");
    }
    return true;
  }

  bool end_array() override {
    if (place_ == Place::offsets && offset_count_ != 2) {
      fail(where() + " does not have two data_offsets");
    }
    place_ = Place::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    fail("it is not valid JSON at byte " + std::to_string(position));
  }

 private:
  enum class Place { outside, top, metadata, tensor, shape, offsets };
  static constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};

  [[noreturn]] static void fail(const std::string& what) { throw UserError(what); }

  bool unexpected(const char* found) {
    if (place_ == Place::outside) fail("it is not a JSON object");
    if (place_ == Place::metadata) {
      fail("__metadata__ must map strings to strings, but " + quote(key_) + " is " + found);
    }
    if (place_ == Place::top) {
      fail("the value of " + quote(key_) + " must be an object, found " + found);
    }
    fail(where() + " has " + found + " in " + quote(key_));
  }

  void note_field() {
    for (std::size_t field = 0; field < kFields.size(); ++field) {
      if (key_ != kFields[field]) continue;
      if (seen_fields_[field]) fail(where() + " has " + quote(key_) + " twice");
      seen_fields_[field] = true;
      return;
    }
    fail(where() + " has the unknown field " + quote(key_));
  }

  std::string where() const { return "tensor " + quote(entry_.name); }

  SafetensorsHeader header_;
  Place place_ = Place::outside;
  std::string key_;
  SafetensorsEntry entry_;
  std::array<bool, 3> seen_fields_{};
  int offset_count_ = 0;
  std::size_t metadata_size_ = 0;
  std::unordered_set<std::string> names_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json) {
  // The parser would take a zero byte for the end of its input and ignore what follows.
  if (json.find('\0') != std::string_view::npos) throw UserError("it contains a zero byte");
  HeaderHandler handler;
  nlohmann::json::sax_parse(json.begin(), json.end(), &handler);
  return handler.take();
}

std::string safetensors_header_bytes(std::span<const SafetensorsEntry> entries,
                                     const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::string text = json_text(header);
  text.pop_back();
  for (const SafetensorsEntry& entry : entries) {
    const nlohmann::ordered_json json = {{"dtype", safetensors_name(entry.dtype)},
                                         {"shape", entry.shape},
                                         {"data_offsets", {entry.begin, entry.end}}};
    if (text.size() > 1) text += ',';
    text += json_text(as_utf8(entry.name)) + ':' + json_text(json);
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t size = text.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof(size)) + text;
}

}  // namespace convmae
