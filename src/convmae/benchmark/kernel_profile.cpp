#include "convmae/benchmark/kernel_profile.h"

#include "convmae/ops/device.h"

#include <torch/csrc/autograd/profiler_kineto.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <tuple>

namespace convmae {
namespace {

namespace profiler = torch::autograd::profiler;
namespace settings = torch::profiler::impl;
using Event = profiler::KinetoEvent;

std::vector<const Event*> events_on(const profiler::ProfilerResult& result, c10::DeviceType type) {
  std::vector<const Event*> events;
  for (const Event& event : result.events()) {
    if (event.deviceType() == type) events.push_back(&event);
  }
  // By thread, and of those that begin together the caller before the called.
  std::ranges::sort(events, {}, [](const Event* event) {
    return std::tuple(event->startThreadId(), event->deviceResourceId(), event->startNs(),
                      ~event->endNs());
  });
  return events;
}

bool calls(const Event& caller, const Event& called) {
  return caller.startThreadId() == called.startThreadId() &&
         caller.deviceResourceId() == called.deviceResourceId() && called.endNs() <= caller.endNs();
}

}  // namespace

std::vector<KernelTime> profile_kernels(const std::function<void()>& work, c10::Device device) {
  const settings::ProfilerConfig config(settings::ProfilerState::KINETO);
  std::set<settings::ActivityType> activities{settings::ActivityType::CPU};
  if (device.is_cuda()) activities.insert(settings::ActivityType::CUDA);
  wait_for(device);
  ::setenv("KINETO_LOG_LEVEL", "99", /*replace=*/0);  // it speaks of itself on standard error
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities);
  work();
  wait_for(device);
  const auto result = profiler::disableProfiler();

  constexpr double kNano = 1e-9;
  std::map<std::string, KernelTime> by_name;
  std::vector<const Event*> open;  // each called by the one before it
  for (const Event* const event : events_on(*result, device.type())) {
    while (!open.empty() && !calls(*open.back(), *event)) open.pop_back();
    const double seconds = kNano * static_cast<double>(event->durationNs());
    if (!open.empty() && device.is_cpu()) by_name[open.back()->name()].seconds -= seconds;
    KernelTime& time = by_name[event->name()];
    time.seconds += seconds;
    ++time.calls;
    open.push_back(event);
  }
  std::vector<KernelTime> times;
  times.reserve(by_name.size());
  for (auto& [name, time] : by_name) {
    times.push_back({name, time.calls, time.seconds});
  }
  std::ranges::stable_sort(times, std::greater{}, &KernelTime::seconds);
  return times;
}

}  // namespace convmae
