#pragma once

namespace convmae {

/// Sets up memory allocation for training. To be called before the first tensor is made.
void choose_memory_settings();

}  // namespace convmae
