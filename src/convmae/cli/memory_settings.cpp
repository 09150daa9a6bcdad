#include "convmae/cli/memory_settings.h"

#include <cstdlib>
#include <malloc.h>

namespace convmae {

// A training step asks for the same large tensors again and again. By default each of them comes
// fresh from the kernel, which zeroes it page by page, and goes back at once. Huge pages make 512
// times fewer pages of it, and a heap that keeps what it has been given spares most of the trips.
void choose_memory_settings() {
  // Read by libtorch's CPU allocator at its first allocation. Whoever has set it knows better.
  ::setenv("THP_MEM_ALLOC_ENABLE", "1", /*overwrite=*/0);
  constexpr int kLargestMmapThreshold = 32 << 20;  // glibc refuses more
  constexpr int kTrimThreshold = 1 << 30;
  ::mallopt(M_MMAP_THRESHOLD, kLargestMmapThreshold);
  ::mallopt(M_TRIM_THRESHOLD, kTrimThreshold);
}

}  // namespace convmae
