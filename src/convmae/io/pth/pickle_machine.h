#pragma once

#include "convmae/io/pth/pickle_objects.h"

#include <cstddef>
#include <span>

namespace convmae {

/// Interprets the pickle (protocols 2 to 5) at the beginning of `bytes` and returns its object;
/// `consumed` is the pickle's length. The opcodes are those that torch.save writes; every other
/// one, and every name that is not on the list, is a UserError. Text points into `bytes`.
///
/// Bounds: 5 million opcodes, and the allocation budget of `objects`.
Value run_pickle(std::span<const std::byte> bytes, PickleObjects& objects, std::size_t& consumed);

/// Checks what a finished pickle has become, from its root: no cycles, at most 200 levels, at most
/// a million values when shared ones are counted at each place, no key twice, nothing but data, and
/// no more than four times the file's size and 16 MiB if all of it is written out, again with what
/// is shared at each place: text, bytes, keys and the elements of tensors. This is where all is
/// charged that lists, converted files and JSON of a checkpoint take. Names of dtypes become text.
void check_document(Value& root, ValueArena& arena, std::size_t file_size);

}  // namespace convmae
