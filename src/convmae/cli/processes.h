#pragma once

#include "convmae/dist/process_group.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace convmae {

/// The processes that a command runs in, if a launcher has started several. The first one alone has
/// the console: what the others print is seen by nobody, but for the error that ends a run.
class Processes {
 public:
  /// Meets the others; where there are none, nothing is done. From here on CPUs are shared among
  /// those that have the same ones. Throws UserError as launch_of and ProcessGroup do.
  void join(std::chrono::seconds timeout);

  /// Null: this process is alone, or has not joined the others.
  ProcessGroup* group() { return group_ ? &*group_ : nullptr; }
  bool is_first() const { return !group_ || group_->is_first(); }
  /// What the first process makes of its files, in all; where it throws a UserError, all do.
  std::string only_first(const std::function<std::string()>& work) {
    return group_ ? group_->only_first(work) : work();
  }

  /// When an error ends this process: whether it is the one to tell its user, for which it gets its
  /// console back.
  bool tells_error();

 private:
  std::optional<ProcessGroup> group_;
  int console_ = -1;  ///< where standard error went before
};

}  // namespace convmae
