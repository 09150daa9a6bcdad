#pragma once

#include "convmae/data/sources/source.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// The classes of training images. Throws UserError, naming the flag, if the images have none.
const std::vector<std::string>& classes_of(const ImageSource& source, const std::string& flag);

/// What a person should know of the names of training classes, a line each: those that may be meant
/// for one, and a number that often stands for no class.
std::vector<std::string> doubts_about(const std::vector<std::string>& classes);

/// The classes that other images are held against.
struct KnownClasses {
  std::vector<std::string> names;
  /// Whether they are those of a classifier, which may have numbers in place of names.
  bool of_classifier = false;
  /// Whether somebody gave those names; if not, they are the numbers from 0 on.
  bool named = true;
};

/// What becomes of images of a class that is not known.
enum class UnknownClasses {
  refused,
  left_out,  ///< as long as another class is known
};

/// Images whose classes were found among known ones.
struct MatchedImages {
  std::shared_ptr<const ImageSource> images;  ///< those of known classes
  std::vector<std::int64_t> class_of;         ///< the known class of each class of `images`
  std::vector<std::string> names;    ///< of the known classes: others than before if guessed
  std::vector<std::string> remarks;  ///< what was guessed, left out or is missing, a line each
};

/// Finds the classes of `source` by their names, as match_names does, so that it may have fewer
/// classes or number them otherwise. Names opposite a classifier's numbers are paired by a guess,
/// which a remark tells. Throws UserError, naming the flag and the classes, if images have none or
/// one that is not known; for the flat validation folder of ILSVRC2012 it asks for the labels.
MatchedImages match_classes(std::shared_ptr<const ImageSource> source, const KnownClasses& known,
                            const std::string& flag,
                            UnknownClasses unknown = UnknownClasses::refused);

}  // namespace convmae
