#pragma once

#include "convmae/base/error.h"
#include "convmae/coco/entries.h"
#include "convmae/coco/mask_store.h"

#include <string>
#include <vector>

namespace convmae::coco {

/// Something is wrong with an entry or with the lists of a file; whoever knows the file adds its
/// name.
class EntryFault : public UserError {
 public:
  using UserError::UserError;
};

/// What is wrong with an entry by itself, each without its description: members that are missing,
/// of another type or impossible. Empty if nothing is.
std::vector<std::string> faults_of(const Entry& entry);

/// Throws EntryFault with the first of them and the entry's description.
void require_no_fault(const Entry& entry);

/// The box of an entry without faults; all zero if it has none.
XywhBox box_of(const Entry& entry);

/// The mask of an annotation or result without faults, as run lengths where it is some.
Rle runs_of(const Entry& entry);

/// Stores the mask of an annotation or result without faults.
MaskPlace store_mask(const Entry& entry, MaskStore& masks);

}  // namespace convmae::coco
