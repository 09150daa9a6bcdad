#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace convmae {

/// Throws UserError, which names `flag`, for more threads than any machine has use for.
void require_thread_count(std::int64_t count, const std::string& flag);

/// Starts `count` threads that run `work`. Signals from outside belong to the thread that knows
/// what to do with them and do not reach these; a fault of their own does.
///
/// Throws UserError, which names `flag`, if the system refuses one. Those already started have
/// ended then, for which `stop` is called: it lets `work` return.
std::vector<std::thread> start_threads(std::int64_t count, const std::function<void()>& work,
                                       const std::function<void()>& stop, const std::string& flag);

}  // namespace convmae
