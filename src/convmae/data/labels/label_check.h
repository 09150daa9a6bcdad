#pragma once

#include "convmae/base/geometry.h"
#include "convmae/data/labels/label_scheme.h"
#include "convmae/data/sources/label_pairs.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace convmae {

/// What pairs of images and label files hold, and what is wrong with them.
struct LabelReport {
  struct Count {
    std::int64_t pixels = 0;
    std::int64_t files = 0;  ///< that have the id
  };
  struct Warning {
    std::string kind;   ///< "images without a label file"
    std::string first;  ///< the first one
    std::int64_t count = 0;
  };

  std::int64_t pairs = 0;
  Size smallest;  ///< the least height and the least width of a label file; 0 if none was read
  Size largest;
  std::map<std::int64_t, Count> ids;
  /// One line each, with the file; only the first thousand are kept.
  std::vector<std::string> errors;
  std::int64_t error_count = 0;
  std::vector<Warning> warnings;
};

/// Reads all pairs. Errors are files that cannot be read, labels of another size than their upright
/// image, colours that the palette does not list, and ids that the scheme does not know; warnings
/// what has no other half, labels of which no pixel counts, and classes that occur nowhere.
/// `scheme` may be null: then all ids are right. `palette` as in LabelDecodeOptions.
LabelReport check_labels(const LabelPairs& pairs, const LabelScheme* scheme,
                         const LabelPalette* palette);

}  // namespace convmae
