#pragma once

#include <string>

namespace convmae {

/// Who computes an operator: our kernels, where device and type have one, or the library by its own
/// operators, which is what ours are compared with.
enum class KernelChoice { own, reference };

/// Throws UserError for another name than own and reference.
KernelChoice parse_kernel_choice(const std::string& name);
std::string to_string(KernelChoice choice);

/// For the whole process, as threads are: to be said before anything is computed, since a backward
/// pass must be by whom the forward pass was. Matrix products are chosen by GemmPolicy, and
/// suppression of boxes, which the library has not, stays ours.
void choose_kernels(KernelChoice choice);
KernelChoice kernel_choice();

}  // namespace convmae
