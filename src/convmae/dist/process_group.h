#pragma once

#include "convmae/dist/launch.h"

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace c10d {
class ProcessGroup;
}

namespace convmae {

/// Another process of the run has ended, or does not answer.
class ProcessLost : public std::runtime_error {
 public:
  /// `tells`: whether this process is the one that is to say so.
  ProcessLost(const std::string& what, bool tells) : std::runtime_error(what), tells_(tells) {}
  bool tells() const { return tells_; }

 private:
  bool tells_;
};

/// The processes of a run, which compute one thing together: PyTorch's process group on Gloo. All
/// of them must call the same functions in the same order, with tensors of the same shapes and
/// types, in the CPU's memory or on the device of `compute_on`. Each throws ProcessLost when
/// another process ends or is silent for `timeout`.
class ProcessGroup {
 public:
  /// Meets the others. Throws UserError that says where, if they are not all there in time or if
  /// the meeting place is taken.
  ProcessGroup(Launch launch, std::chrono::milliseconds timeout);
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;
  /// Where process 0 keeps the meeting place it waits a few seconds for the others to leave.
  ~ProcessGroup();

  std::int64_t rank() const { return launch_.rank; }
  std::int64_t size() const { return launch_.world_size; }
  bool is_first() const { return launch_.rank == 0; }
  const Launch& launch() const { return launch_; }

  /// From here on tensors may also lie on this device, of which a machine has so many. Where each
  /// of its processes has one for itself, NCCL reduces there; else Gloo does in the CPU's memory.
  void compute_on(c10::Device device, std::int64_t devices);

  /// The sum over all processes, in place.
  void sum(const at::Tensor& values);
  /// The same within a forward or backward pass: by connections of its own, since what a
  /// GradientReducer sums meanwhile may come earlier in one process and later in another. The first
  /// call, which makes them, is within no such backward pass.
  void sum_within_pass(const at::Tensor& values);
  /// Those of process 0, in place.
  void broadcast(const at::Tensor& values);
  std::string broadcast(const std::string& text);
  /// What process 0 makes of it, for all: `work` runs there alone. Where it throws a UserError, all
  /// do.
  std::string only_first(const std::function<std::string()>& work);
  /// The numbers of all processes, by rank.
  std::vector<std::int64_t> all(std::int64_t value);
  /// The texts of all processes, by rank, in process 0; elsewhere nothing. They may be long.
  std::vector<std::string> gather(const std::string& text);

  /// Leaves a text for process 0, where `posted` returns those that have come since the last time,
  /// in the order of ranks. Neither waits for other processes.
  void post(const std::string& text);
  std::vector<std::string> posted();

  /// Lets the others know that this process ends for a reason that its user is told: they end
  /// without a word of their own. Returns whether this one is to tell it, as no other has begun to.
  /// Never throws.
  bool leave_with_error() noexcept;

  /// For parts of c10d.
  c10::intrusive_ptr<c10d::ProcessGroup> c10d_group() const;
  /// Does what waits for other processes, and finds out which of them is lost if it fails.
  void waiting(const std::function<void()>& work);

 private:
  class Connections;
  struct Parts;
  [[noreturn]] void throw_lost(const std::string& reason);

  Launch launch_;
  std::chrono::milliseconds timeout_;
  /// How long the others may take to notice that one is lost, and to leave.
  std::chrono::milliseconds patience_;
  std::unique_ptr<Parts> parts_;
  std::int64_t texts_posted_ = 0;
  std::vector<std::int64_t> texts_read_;  ///< of each process
};

}  // namespace convmae
