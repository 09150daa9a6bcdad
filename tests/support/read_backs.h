#pragma once

#include <ATen/record_function.h>

#include <atomic>
#include <memory>
#include <string_view>

namespace convmae {

/// Counts, while it lives, the operators whose results a host must wait for: numbers that are read
/// out of tensors, and results whose size depends on numbers. On the CPU nobody waits, so here they
/// can be counted without another device. One at a time.
class ReadBacks {
 public:
  ReadBacks()
      : handle_(at::addGlobalCallback(
            at::RecordFunctionCallback(&begin, &end).scopes({at::RecordScope::FUNCTION}))) {
    counted() = 0;
  }
  ~ReadBacks() { at::removeCallback(handle_); }
  ReadBacks(const ReadBacks&) = delete;
  ReadBacks& operator=(const ReadBacks&) = delete;

  int found() const { return counted(); }

 private:
  static std::atomic<int>& counted() {
    static std::atomic<int> number{0};
    return number;
  }
  /// The CPU's kernel reads the numbers of steps; those of other devices do not.
  static bool reads_on_cpu_alone(std::string_view name) { return name == "aten::_fused_adamw_"; }
  static int& depth() {
    thread_local int number = 0;
    return number;
  }
  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
    const std::string_view name = function.name();
    if (reads_on_cpu_alone(name)) ++depth();
    const bool waits = name == "aten::_local_scalar_dense" || name == "aten::nonzero";
    if (waits && depth() == 0) ++counted();
    return nullptr;
  }
  static void end(const at::RecordFunction& function, at::ObserverContext* /*context*/) {
    if (reads_on_cpu_alone(function.name())) --depth();
  }

  at::CallbackHandle handle_;
};

}  // namespace convmae
