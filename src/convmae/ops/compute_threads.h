#pragma once

#include <cstdint>

namespace convmae {

/// Lets `threads` threads compute from here on, and starts them: later, in the middle of the work,
/// the run-time libraries end the process if the system refuses one. 0: as many as there are usable
/// CPUs, or fewer if the environment says so (OMP_NUM_THREADS). Throws UserError, which names
/// --threads, if they cannot be had.
void use_compute_threads(std::int64_t threads);

}  // namespace convmae
