#include "convmae/cli/process_settings.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <malloc.h>
#include <sched.h>
#include <string_view>
#include <unistd.h>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace convmae {
namespace {

// A training step asks for the same large tensors again and again. By default each of them comes
// fresh from the kernel, which zeroes it page by page, and goes back at once. Huge pages make 512
// times fewer pages of it, and a heap that keeps what it has been given spares most of the trips:
// jemalloc's (jemalloc_settings.cpp) or, where the program was built without it, glibc's.
void choose_memory_settings() {
  // Read by libtorch's CPU allocator at its first allocation. Whoever has set it knows better.
  ::setenv("THP_MEM_ALLOC_ENABLE", "1", /*overwrite=*/0);
  constexpr int kLargestMmapThreshold = 32 << 20;  // glibc refuses more
  constexpr int kTrimThreshold = 1 << 30;
  ::mallopt(M_MMAP_THRESHOLD, kLargestMmapThreshold);
  ::mallopt(M_TRIM_THRESHOLD, kTrimThreshold);
}

// Those that only read and write files start in half the time without a second start.
bool runs_a_network(char** argv) {
  constexpr std::array<std::string_view, 9> kOthers{
      "--help", "-h", "help", "--version", "inspect", "info", "convert", "compare", "launch"};
  return argv[0] != nullptr && argv[1] != nullptr &&
         std::find(kOthers.begin(), kOthers.end(), argv[1]) == kOthers.end();
}

// With OMP_PROC_BIND or OMP_PLACES libgomp binds the first thread to a place of its own as soon as
// it is loaded. A second start would take that place for all there is.
void unbind_first_thread() {
#ifdef _OPENMP
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> ids(omp_get_place_num_procs(place));
    omp_get_place_proc_ids(place, ids.data());
    for (const int id : ids) CPU_SET(id, &cpus);
  }
  if (CPU_COUNT(&cpus) > 0) ::sched_setaffinity(0, sizeof(cpus), &cpus);
#endif
}

// Between two parallel regions libgomp's threads spin for milliseconds before they sleep, and take
// the CPUs away from the threads that load images and from everyone else: on two busy CPUs a small
// model trained four times slower that way. A tenth of a millisecond catches the usual gap (a
// hundredth did not: two threads lost 8 % of their time to waking up). libgomp reads the setting
// when it is loaded, which is before `main`, hence the second start.
void shorten_spinning(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  ::setenv("GOMP_SPINCOUNT", "30000", /*overwrite=*/1);
  unbind_first_thread();
  ::execv("/proc/self/exe", argv);
  // Where there is no /proc, the program goes on as it is.
}

}  // namespace

void choose_process_settings(char** argv) {
  if (runs_a_network(argv)) shorten_spinning(argv);
  choose_memory_settings();
}

}  // namespace convmae
