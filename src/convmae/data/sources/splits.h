#pragma once

#include "convmae/data/sources/source.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// The parts of a data set that has some.
struct SplitNames {
  std::string training;             ///< empty if there is none
  std::string held_out;             ///< empty if there is none
  std::vector<std::string> beside;  ///< the other names
};

/// Whether folders by these names are the parts of a data set, as people name them: `train` or
/// `training` beside `val`, `valid` or `validation`, or without one of these beside `test` or
/// `testing`, in any case. A part without the other is one only if no folder of another name holds
/// images, as `holds_images` says: else they are classes, one of which is called like a part.
std::optional<SplitNames> find_splits(const std::vector<std::string>& folders,
                                      const std::function<bool(const std::string&)>& holds_images);

/// Says in `account` of folders that are no parts which of them are called like one.
void remark_classes(const std::vector<std::string>& folders, SourceAccount& account);

/// The folder of that part. What lies beside the parts is left out in `account`. Throws UserError,
/// which names the account's place, if there is no such part.
std::string chosen_split(const SplitNames& splits, Split split, SourceAccount& account);

/// Which part a shard's name says that it is of, by the words in it: "imagenet-val-000001.tar".
std::optional<Split> split_in_name(std::string_view name);

}  // namespace convmae
