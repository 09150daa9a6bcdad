#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cstring>
#include <link.h>
#include <mutex>
#include <set>
#include <thread>

namespace convmae {
namespace {

// at::parallel_for is compiled into its caller, and without OpenMP it is a plain loop that says so
// to nobody.
TEST(Threads, OfLibtorchTakePartInOurOwnLoops) {
  const int before = at::get_num_threads();
  for (const int count : {1, 2}) {
    at::set_num_threads(count);
    std::mutex mutex;
    std::set<std::thread::id> seen;
    at::parallel_for(0, 2, 1, [&](std::int64_t /*begin*/, std::int64_t /*end*/) {
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(count));
  }
  at::set_num_threads(before);
}

TEST(Threads, AreThoseOfOneOpenMp) {
  int found = 0;
  ::dl_iterate_phdr(
      [](dl_phdr_info* library, std::size_t /*size*/, void* count) {
        if (std::strstr(library->dlpi_name, "libgomp") != nullptr) ++*static_cast<int*>(count);
        return 0;
      },
      &found);
  EXPECT_EQ(found, 1);
}

}  // namespace
}  // namespace convmae
