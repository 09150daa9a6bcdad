#include "convmae/coco/entries.h"

#include "convmae/base/error.h"
#include "convmae/base/json_number.h"
#include "convmae/base/quote.h"
#include "convmae/coco/byte_stream.h"
#include "convmae/coco/entry_fields.h"

#include <nlohmann/json.hpp>

#include <string_view>

namespace convmae::coco {
namespace {

using Json = nlohmann::ordered_json;

/// Takes the events of nlohmann's parser. Arrays and objects are counted: a file may nest them as
/// deep as it likes.
class EntryReader {
 public:
  EntryReader(const std::filesystem::path& path, const std::function<void(const Entry&)>& visit)
      : path_(path), visit_(visit) {}

  const FileShape& shape() const { return shape_; }

  // The names that nlohmann's parser calls.
  bool null() {
    // Some writers give members that they have no value for.
    return true;
  }
  bool boolean(bool value) { return take_scalar(value ? 1 : 0, value ? 1 : 0); }
  bool number_integer(std::int64_t value) { return take_number(value); }
  bool number_unsigned(std::uint64_t value) { return take_number(value); }
  bool number_float(double value, const std::string& /*text*/) { return take_number(value); }
  bool string(std::string& value);
  bool binary(Json::binary_t& /*value*/) { return true; }
  bool key(std::string& name);
  bool start_object(std::size_t /*size*/);
  bool end_object();
  bool start_array(std::size_t /*size*/);
  bool end_array();
  bool parse_error(std::size_t position, const std::string& last_token,
                   const Json::exception& exception);

 private:
  /// Members of an entry at this depth.
  int members() const { return entry_depth_; }
  bool in_entry() const { return entry_depth_ > 0; }
  bool is_coordinate() const {
    return field_ == Field::segmentation && depth_ == members() + 2 && !in_rle_;
  }

  template <typename Number>
  bool take_number(Number value) {
    if (in_entry() && is_coordinate()) {  // almost all numbers of a file
      entry_.coordinates.push_back(static_cast<double>(value));
      return true;
    }
    return take_scalar(static_cast<double>(value), whole_number(Json(value)));
  }
  bool take_scalar(double value, std::optional<std::int64_t> whole);
  void take_member(double value, std::optional<std::int64_t> whole);
  void take_in_rle(std::optional<std::int64_t> whole);
  void begin_entry();
  /// The member is not of its type, or not `expected`.
  void fault() { fault(type_of(field_)); }
  void fault(const char* expected);
  void open(bool object);
  std::string place_in_file() const;

  const std::filesystem::path& path_;
  const std::function<void(const Entry&)>& visit_;
  FileShape shape_;
  Entry entry_;
  int depth_ = 0;
  int entry_depth_ = 0;   ///< depth inside of the entry, 0 outside of any
  bool in_list_ = false;  ///< of entries
  Entry::Kind kind_ = Entry::Kind::annotation;
  bool is_entry_list_ = false;  ///< what the last key of the outermost object names
  std::int64_t position_ = 0;
  Field field_ = Field::other;
  bool in_rle_ = false;
  bool flat_polygon_ = false;  ///< numbers stand in `segmentation` itself
  std::string rle_key_;
};

void EntryReader::begin_entry() {
  const std::int64_t position = position_++;
  entry_.kind = kind_;
  entry_.position = position;
  entry_.id = entry_.image_id = entry_.category_id = std::nullopt;
  entry_.height = entry_.width = entry_.crowd = std::nullopt;
  entry_.area = entry_.score = std::nullopt;
  entry_.name.clear();
  entry_.has_box = false;
  entry_.box.clear();
  entry_.mask = Entry::Mask::none;
  entry_.coordinates.clear();
  entry_.polygon_sizes.clear();
  entry_.mask_size.clear();
  entry_.runs.clear();
  entry_.run_text.clear();
  entry_.faults.clear();
  entry_depth_ = depth_;
  field_ = Field::other;
}

void EntryReader::fault(const char* expected) {
  constexpr std::size_t kMostFaults = 10;
  if (entry_.faults.size() >= kMostFaults) return;
  entry_.faults.push_back(std::string("expected ").append(name_of(field_, kind_)) + " to be " +
                          expected + ", found something else");
}

void EntryReader::take_member(double value, std::optional<std::int64_t> whole) {
  const auto take_whole = [&](std::optional<std::int64_t>& member) {
    if (!whole) fault();
    member = whole;
  };
  switch (field_) {
    case Field::id:
      return take_whole(entry_.id);
    case Field::image_id:
      return take_whole(entry_.image_id);
    case Field::category_id:
      return take_whole(entry_.category_id);
    case Field::height:
      return take_whole(entry_.height);
    case Field::width:
      return take_whole(entry_.width);
    case Field::crowd:
      return take_whole(entry_.crowd);
    case Field::area:
      entry_.area = value;
      return;
    case Field::score:
      entry_.score = value;
      return;
    case Field::name:
    case Field::box:
    case Field::segmentation:
      return fault();
    case Field::other:
      return;
  }
}

void EntryReader::take_in_rle(std::optional<std::int64_t> whole) {
  const bool in_array = depth_ == members() + 2;
  if (rle_key_ == "size" && in_array) {
    if (!whole) return fault("run lengths with a size of two whole numbers");
    entry_.mask_size.push_back(*whole);
  } else if (rle_key_ == "counts" && in_array) {
    if (!whole) return fault("run lengths that are whole numbers");
    entry_.runs.push_back(*whole);
  } else if (rle_key_ == "size" || rle_key_ == "counts") {
    fault("run lengths with a size and counts, which are lists or text");
  }
}

bool EntryReader::take_scalar(double value, std::optional<std::int64_t> whole) {
  if (!in_entry() || field_ == Field::other) return true;
  if (depth_ == members()) {
    take_member(value, whole);
  } else if (field_ == Field::box && depth_ == members() + 1) {
    entry_.box.push_back(value);
  } else if (in_rle_) {
    take_in_rle(whole);
  } else if (is_coordinate()) {
    entry_.coordinates.push_back(value);
  } else if (field_ == Field::segmentation && depth_ == members() + 1) {
    flat_polygon_ = true;
    entry_.coordinates.push_back(value);
  } else {
    fault("numbers, not lists of lists");
  }
  return true;
}

bool EntryReader::string(std::string& value) {
  if (!in_entry() || field_ == Field::other) return true;
  if (depth_ == members() && field_ == Field::name) {
    entry_.name = value;
  } else if (in_rle_ && depth_ == members() + 1) {
    if (rle_key_ == "counts") {
      entry_.mask = Entry::Mask::text;
      entry_.run_text = value;
    } else if (rle_key_ == "size") {
      fault("run lengths with a size of two whole numbers");
    }
  } else {
    fault();
  }
  return true;
}

bool EntryReader::key(std::string& name) {
  if (in_entry()) {
    if (depth_ == members()) {
      field_ = field_of(name, kind_);
    } else if (in_rle_ && depth_ == members() + 1) {
      rle_key_ = name;
    }
  } else if (depth_ == 1 && !shape_.is_list) {
    is_entry_list_ = true;
    if (name == "images") {
      kind_ = Entry::Kind::image;
      shape_.has_images = true;
    } else if (name == "annotations") {
      kind_ = Entry::Kind::annotation;
      shape_.has_annotations = true;
    } else if (name == "categories") {
      kind_ = Entry::Kind::category;
      shape_.has_categories = true;
    } else {
      is_entry_list_ = false;
    }
  }
  return true;
}

void EntryReader::open(bool object) {
  ++depth_;
  if (!in_entry() || depth_ != members() + 1) return;
  if (field_ == Field::box) {
    if (object) fault();
    entry_.has_box = true;
    entry_.box.clear();
  } else if (field_ == Field::segmentation) {
    in_rle_ = object;
    rle_key_.clear();
    flat_polygon_ = false;
    entry_.mask = object ? Entry::Mask::none : Entry::Mask::empty;
    entry_.coordinates.clear();
    entry_.polygon_sizes.clear();
    entry_.runs.clear();
    entry_.mask_size.clear();
  } else if (field_ != Field::other) {
    fault();
  }
}

bool EntryReader::start_object(std::size_t /*size*/) {
  const bool begins = in_list_ && !in_entry() && depth_ == (shape_.is_list ? 1 : 2);
  if (in_entry() && field_ == Field::segmentation && depth_ > members()) {
    fault("polygons or run lengths alone");
  }
  open(true);
  if (begins) begin_entry();
  return true;
}

bool EntryReader::end_object() {
  if (in_entry() && depth_ == members()) {
    visit_(entry_);
    entry_depth_ = 0;
  } else if (in_entry() && in_rle_ && depth_ == members() + 1) {
    in_rle_ = false;
    if (entry_.mask == Entry::Mask::none) fault("run lengths with a size and counts");
  }
  --depth_;
  return true;
}

bool EntryReader::start_array(std::size_t /*size*/) {
  if (depth_ == 0) {
    shape_.is_list = true;
    in_list_ = true;
    kind_ = Entry::Kind::result;
  } else if (depth_ == 1 && !shape_.is_list && is_entry_list_) {
    in_list_ = true;
    position_ = 0;
  }
  open(false);
  if (in_entry() && in_rle_ && depth_ == members() + 2 && rle_key_ == "counts") {
    entry_.mask = Entry::Mask::runs;
  }
  return true;
}

bool EntryReader::end_array() {
  if (in_entry() && field_ == Field::segmentation && !in_rle_) {
    std::size_t begun = 0;
    for (const std::uint32_t size : entry_.polygon_sizes) begun += size;
    const bool ends_polygon = depth_ == members() + 2 || (depth_ == members() + 1 && flat_polygon_);
    if (ends_polygon) {
      entry_.mask = Entry::Mask::polygons;
      entry_.polygon_sizes.push_back(static_cast<std::uint32_t>(entry_.coordinates.size() - begun));
    }
  }
  if (!in_entry() && depth_ == (shape_.is_list ? 1 : 2)) in_list_ = false;
  --depth_;
  return true;
}

std::string EntryReader::place_in_file() const {
  if (in_entry()) return ", in " + entry_.description();
  if (in_list_ && position_ > 0) {
    return ", after the entry " + std::to_string(position_) + " of its list";
  }
  return "";
}

/// "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error ..." without its
/// beginning.
std::string_view without_label(std::string_view text) {
  for (const std::string_view label : {"] parse error at ", "] "}) {
    const std::size_t found = text.find(label);
    if (found != std::string_view::npos) return text.substr(found + label.size());
  }
  return text;
}

bool EntryReader::parse_error(std::size_t position, const std::string& last_token,
                              const Json::exception& exception) {
  std::string found = brief(without_label(exception.what()));
  const bool names_no_number = last_token.ends_with('N') || last_token.ends_with('I');
  if (names_no_number) found += ": NaN and Infinity are no numbers in JSON";
  throw UserError("cannot read " + quote(path_.string()) + ": expected JSON, found at byte " +
                  std::to_string(position) + place_in_file() + ": " + found);
}

}  // namespace

FileShape read_entries(const std::filesystem::path& path,
                       const std::function<void(const Entry&)>& visit) {
  ByteStream stream(path);
  EntryReader reader(path, visit);
  Json::sax_parse(ByteIterator(stream), ByteIterator(), &reader);
  return reader.shape();
}

}  // namespace convmae::coco
