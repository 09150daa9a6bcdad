#include "convmae/train/run/environment.h"

#include <ATen/ATen.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/version.h>

#include <cstdint>
#include <utility>

namespace convmae {

std::string program_version() { return CONVMAE_VERSION; }

std::string build_description() {
#ifdef NDEBUG
  const std::string kind = "release";
#else
  const std::string kind = "with assertions";
#endif
#ifdef __clang__
  return kind + ", clang " + __clang_version__;
#else
  return kind + ", g++ " + __VERSION__;
#endif
}

std::string libtorch_built() { return TORCH_VERSION; }

std::string libtorch_running() {
  const std::uint64_t version = aoti_torch_abi_version();
  const auto part = [version](int shift) { return std::to_string((version >> shift) & 0xFF); };
  return part(56) + "." + part(48) + "." + part(40);
}

std::vector<std::pair<std::string, std::string>> environment(const Compute& compute) {
  std::vector<std::pair<std::string, std::string>> values{
      {"version", program_version()},           {"commit", program_commit()},
      {"build", build_description()},           {"libtorch_built", libtorch_built()},
      {"libtorch_running", libtorch_running()},
  };
  for (auto& value : describe(compute)) values.push_back(std::move(value));
  return values;
}

}  // namespace convmae
