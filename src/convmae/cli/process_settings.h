#pragma once

namespace convmae {

/// Sets up memory allocation and waiting for training. To be called first thing in `main`, with its
/// arguments: what only a new process can change is changed by starting the program again in place.
void choose_process_settings(char** argv);

}  // namespace convmae
