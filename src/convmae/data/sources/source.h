#pragma once

#include "convmae/data/sources/source_account.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// Images somewhere, numbered 0 .. size()-1 in an order that depends on nothing but their names.
/// All const functions may be called from several threads.
class ImageSource {
 public:
  static constexpr std::int64_t kNoLabel = -1;

  virtual ~ImageSource() = default;

  virtual std::int64_t size() const = 0;
  /// What a person can find the image by: a path, or a file and a number in it.
  virtual std::string name(std::int64_t index) const = 0;
  /// Class index, or kNoLabel.
  virtual std::int64_t label(std::int64_t index) const = 0;
  /// Class names by class index; empty if there are none.
  virtual const std::vector<std::string>& classes() const = 0;
  /// Whether those names are numbers that stand for classes, so that no other names may take their
  /// place.
  virtual bool has_numbered_classes() const { return false; }
  /// The image as the bytes of one of the formats that decode_image reads, in a buffer of the
  /// caller's. Throws UserError if it cannot be read.
  virtual void read(std::int64_t index, std::vector<std::uint8_t>& bytes) const = 0;
  /// The order in which an epoch visits the samples if it is to be random: a function of the two.
  virtual std::vector<std::int64_t> shuffled(std::uint64_t seed, std::uint64_t epoch) const;
  /// What was recognised, how much of it, and what was left out.
  virtual SourceAccount account() const = 0;
  /// That as one line.
  std::string description() const { return account().text(); }
};

enum class Split { train, val };

/// Recognises what lies at `path`:
/// - a folder with IDX files of the MNIST family (`train-images-idx3-ubyte`, `t10k-...`, also with
/// a
///   dot, a data set's name before it, or .gz behind it);
/// - a folder of nothing but archives: shards as WebDataset writes them, of the split if their
///   names say which they are of;
/// - a folder that holds the parts of a data set, `train`, `val` and the like: the one that `split`
///   names;
/// - a folder with one other folder alone, which is looked into instead if it only has folders;
/// - a folder whose images all lie in subfolders: the first-level folders are the classes, in
///   sorted order (ImageFolder);
/// - any other folder with images, at any depth: no labels;
/// - an IDX image file, with the label file beside it;
/// - an archive `NAME.tar` or a pattern `train-{000000..001281}.tar`; without labels in it, its
///   folders mean what those of a folder do;
/// - a text or CSV file: a list of images.
/// Throws UserError that says what was looked for.
std::unique_ptr<ImageSource> open_source(const std::filesystem::path& path, Split split);

}  // namespace convmae
