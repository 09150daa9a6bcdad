#pragma once

#include "convmae/io/pth/pickle_objects.h"

#include <cstddef>
#include <span>

namespace convmae {

/// Read the two containers of `.pth`: interpret the pickle and attach the storages' bytes to its
/// tensors. The root is not checked yet (check_document). Throw UserError without the file's name.
Value read_zip_container(std::span<const std::byte> file, PickleObjects& objects);
Value read_legacy_container(std::span<const std::byte> file, PickleObjects& objects);

}  // namespace convmae
