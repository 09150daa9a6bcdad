#pragma once

#include "convmae/data/labels/label_palette.h"
#include "convmae/data/sample.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// What a user says of label files: which of their ids are which classes.
struct LabelSchemeOptions {
  /// A file of names of classes, one a line (read_class_names): class i has the id i -
  /// `label_offset`.
  std::string classes;
  /// What is added to an id to make it the index of a class: -1 where the first class is 1.
  std::int64_t label_offset = 0;
  /// Ids whose pixels count for nothing, as they stand in the files.
  std::vector<std::int64_t> ignore_index{255};
  /// A table of ids and their classes (label_table.h), instead of `classes` and `label_offset`.
  std::string label_map;
  /// A table of colours and their ids, for label images in colours.
  std::string palette;
};

/// How ids in label files become classes: the one place where that is decided, for each pixel once.
class LabelScheme {
 public:
  struct Class {
    std::string name;
    std::vector<std::int32_t> ids;  ///< at least one; the first is written for the class
    bool operator==(const Class&) const = default;
  };

  /// Throws UserError if there is no class, one without an id, an id out of range or one that
  /// stands twice.
  LabelScheme(std::vector<Class> classes, std::vector<std::int32_t> ignored,
              LabelPalette palette = {});

  std::int64_t num_classes() const { return std::ssize(classes_); }
  const std::vector<Class>& classes() const { return classes_; }
  std::vector<std::string> names() const;
  const std::vector<std::int32_t>& ignored() const { return ignored_; }
  const LabelPalette& palette() const { return palette_; }

  /// The class of an id, LabelMap::kIgnored for an ignored one, nothing for any other.
  std::optional<std::int16_t> class_of(std::int64_t id) const;
  /// The id that is written for a class: the inverse.
  std::int32_t id_of(std::int64_t k) const {
    return classes_.at(static_cast<std::size_t>(k)).ids.front();
  }
  /// The name of the class of an id; empty where it has none.
  std::string name_of(std::int64_t id) const;

  /// The classes of an image of ids, as decode_label gives it. Throws UserError with the place of
  /// the first id that is neither of a class nor ignored.
  void apply(const Image& ids, LabelMap& map) const;

 private:
  std::vector<Class> classes_;
  std::vector<std::int32_t> ignored_;
  LabelPalette palette_;
  std::vector<std::int16_t> table_;  ///< by id
};

/// The scheme that the options describe. Throws UserError that names the file at fault, and where
/// neither `classes` nor `label_map` is given.
LabelScheme read_label_scheme(const LabelSchemeOptions& options);

/// A scheme as JSON, and back, for checkpoints and runs. `label_scheme_from_json` throws UserError
/// for anything else.
std::string to_json(const LabelScheme& scheme);
LabelScheme label_scheme_from_json(const std::string& text);

}  // namespace convmae
