#include "convmae/ops/kernel_choice.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <atomic>

namespace convmae {
namespace {

std::atomic<KernelChoice> g_choice{KernelChoice::own};

}  // namespace

KernelChoice parse_kernel_choice(const std::string& name) {
  if (name == "own") return KernelChoice::own;
  if (name == "reference") return KernelChoice::reference;
  throw UserError("--kernel must be own or reference, found " + quote(name));
}

std::string to_string(KernelChoice choice) {
  return choice == KernelChoice::own ? "own" : "reference";
}

void choose_kernels(KernelChoice choice) { g_choice = choice; }
KernelChoice kernel_choice() { return g_choice; }

}  // namespace convmae
