#pragma once

#include "convmae/data/sources/folder_walk.h"
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
/// images or folders in it. If their names say which part of a data set some of them are of
/// ("imagenet-val-000001.tar"), those of `split`. What else lies there is left out in `account`.
/// Throws UserError if all of them are of the other part.
std::vector<std::filesystem::path> find_shards(const std::filesystem::path& folder,
                                               const FolderEntries& entries, Split split,
                                               SourceAccount& account);

/// Shards as WebDataset writes them. Members whose names agree up to the first dot of the last
/// component are a sample, wherever they are in their shard: an image, and a label: the line of
/// text in `.cls`, or under the key `label` or `cls` of the object in `.json` a text, a whole
/// number (3.0 is one) or a boolean. Labels name classes as ClassNames has them. Samples without a
/// usable label are images without a class.
///
/// Without any label these are archives of folders: every member that is an image is one, and the
/// folders are what they would be outside of the archive (find_splits, folder_classes).
///
/// Hidden members, and what else is not read, are left out in `account`. The index is built from
/// headers and labels alone. Throws UserError if a shard is missing or damaged or has two members
/// of one name, or if there is no image at all.
///
/// A shuffled epoch visits shards in random order and mixes samples of about 16 of them, so that
/// files are read from front to back.
std::unique_ptr<ImageSource> open_shards(const std::vector<std::filesystem::path>& shards,
                                         Split split = Split::train, SourceAccount account = {});

}  // namespace convmae
