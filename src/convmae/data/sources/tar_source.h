#pragma once

#include "convmae/data/sources/source.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {

/// `train-{000000..001281}.tar` -> all the names it stands for: ranges of numbers (with leading
/// zeros where the first number has them) and lists `{a,b}`, any number of them, not nested. Throws
/// UserError for a brace without its other half and for more than a million names.
std::vector<std::string> expand_braces(std::string_view pattern);

/// The archives that a folder of shards consists of, in sorted order; none if the folder also has
/// images or folders in it.
std::vector<std::filesystem::path> find_shards(const std::filesystem::path& folder);

/// Shards as WebDataset writes them. Consecutive members whose names agree up to the first dot of
/// the last component are a sample: an image, and a label: a whole number in `.cls`, or the key
/// `label` or `cls` of the object in `.json`. The distinct ones are the classes, in numeric order.
/// Samples without an image are left out; one without a usable label, where others have one, cannot
/// be read. The index is built from headers and labels alone. Throws UserError if a shard is
/// missing or damaged or if there is no image at all.
///
/// A shuffled epoch visits shards in random order and mixes samples of about 16 of them, so that
/// files are read from front to back.
std::unique_ptr<ImageSource> open_shards(const std::vector<std::filesystem::path>& shards);

}  // namespace convmae
