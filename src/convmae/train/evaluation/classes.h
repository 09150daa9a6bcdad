#pragma once

#include "convmae/data/sources/source.h"

#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

/// The classes of training images. Throws UserError, naming the flag, if the images have none.
const std::vector<std::string>& classes_of(const ImageSource& source, const std::string& flag);

/// The number in `classes` of each class of `source`, found by name, so that a held-out set may
/// have fewer classes or number them otherwise. Throws UserError, naming the flag and a class, if
/// `source` has none or one that is not in `classes`; for the flat validation folder of ILSVRC2012
/// it asks for the labels.
std::vector<std::int64_t> match_classes(const ImageSource& source,
                                        const std::vector<std::string>& classes,
                                        const std::string& flag);

/// Class names where they may stand for their numbers alone ("0", "1", ...), as of a file that does
/// not name its classes: then those of a source with as many classes do.
std::vector<std::string> named_classes(const std::vector<std::string>& classes,
                                       const ImageSource& source);

}  // namespace convmae
