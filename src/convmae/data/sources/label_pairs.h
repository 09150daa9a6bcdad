#pragma once

#include "convmae/data/sources/source.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// Images that have a label file each, which says of every pixel what it is. Images have no label
/// in the sense of a class.
class LabelPairs : public ImageSource {
 public:
  struct Pair {
    std::string image;
    std::string label;
  };
  /// What has no other half.
  struct Lone {
    std::vector<std::string> images;
    std::vector<std::string> labels;
  };

  /// `account` says where they are; they are counted here. Throws UserError if there is no pair.
  LabelPairs(std::vector<Pair> pairs, Lone lone, SourceAccount account);

  std::int64_t size() const override { return std::ssize(pairs_); }
  std::string name(std::int64_t index) const override { return pair(index).image; }
  std::int64_t label(std::int64_t /*index*/) const override { return kNoLabel; }
  const std::vector<std::string>& classes() const override { return classes_; }
  void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const override;
  SourceAccount account() const override { return account_; }

  std::string label_name(std::int64_t index) const { return pair(index).label; }
  /// As `read`, of the label file.
  void read_label(std::int64_t index, std::vector<std::uint8_t>& bytes) const;
  const Lone& lone() const { return lone_; }

 private:
  const Pair& pair(std::int64_t index) const { return pairs_[static_cast<std::size_t>(index)]; }

  std::vector<Pair> pairs_;
  Lone lone_;
  SourceAccount account_;
  std::vector<std::string> classes_;  ///< none: the scheme knows them
};

/// Recognises what lies at `data`:
/// - a folder with `images` and `annotations` (or `labels`) in it, as ADE20K has them, each with
///   the parts of a data set or without;
/// - a list of an image and its label file a line, as open_list reads it;
/// - with `labels`, a folder of label files, any folder of images.
/// Files of two folders belong together if their paths below them are the same but for the
/// extension. What has no other half is left out. Throws UserError that says what was looked for.
std::unique_ptr<LabelPairs> open_label_pairs(const std::filesystem::path& data,
                                             const std::filesystem::path& labels, Split split);

/// The parts that a data set for open_label_pairs has: one, whichever it is, if it is not divided.
std::vector<Split> label_splits(const std::filesystem::path& data,
                                const std::filesystem::path& labels);

}  // namespace convmae
