#include "convmae/ops/compute_threads.h"

#include "convmae/base/cpus.h"
#include "convmae/base/threads.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <future>

namespace convmae {
namespace {

/// Throws UserError unless the system lets so many threads live at the same time.
void try_threads(std::int64_t count) {
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  const auto stop = [&end] { end.set_value(); };
  std::vector<std::thread> threads = start_threads(
      count, [ended] { ended.wait(); }, stop, "--threads");
  stop();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

void use_compute_threads(std::int64_t threads) {
  require_thread_count(threads, "--threads");
  if (threads == 0) threads = std::min<std::int64_t>(at::get_num_threads(), usable_cpus());
  // libtorch starts a pool of its own beside OpenMP's.
  try_threads(2 * (threads - 1));
  at::set_num_threads(static_cast<int>(threads));
  at::parallel_for(0, threads, 1, [](std::int64_t, std::int64_t) {});
}

}  // namespace convmae
