#include "convmae/train/run/set_aside.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"

#include <array>
#include <cstdio>
#include <string>
#include <system_error>

namespace convmae {
namespace {

/// The first of `after-step-00000060`, `after-step-00000060-2`, ... that is free.
std::filesystem::path free_folder(const RunPaths& run, std::int64_t step) {
  std::array<char, 48> name{};
  std::snprintf(name.data(), name.size(), "after-step-%08lld", static_cast<long long>(step));
  std::filesystem::path folder = run.root / name.data();
  for (int number = 2; std::filesystem::exists(std::filesystem::symlink_status(folder)); ++number) {
    folder = run.root / (name.data() + ('-' + std::to_string(number)));
  }
  return folder;
}

}  // namespace

std::filesystem::path set_aside(const RunPaths& run, std::int64_t step,
                                const std::vector<std::filesystem::path>& later) {
  if (later.empty()) return {};
  std::filesystem::path folder = free_folder(run, step);
  try {
    const std::filesystem::path checkpoints = folder / run.checkpoints().filename();
    std::filesystem::create_directories(checkpoints);
    for (const std::filesystem::path& file :
         {run.config(), run.log(), run.steps(), run.report(), run.panels()}) {
      if (!std::filesystem::exists(file)) continue;
      std::filesystem::copy(file, folder / file.filename(),
                            std::filesystem::copy_options::recursive);
    }
    for (const std::filesystem::path& file : {run.weights(), run.result()}) {
      if (!std::filesystem::exists(file)) continue;
      std::filesystem::rename(file, folder / file.filename());
    }
    for (const std::filesystem::path& file : later) {
      std::filesystem::rename(file, checkpoints / file.filename());
    }
  } catch (const std::filesystem::filesystem_error& error) {
    throw UserError("what the run has done after step " + std::to_string(step) +
                    " cannot be kept in " + quote(folder.string()) + ": " + error.code().message() +
                    "; make it writable or free some space, and try again");
  }
  return folder;
}

}  // namespace convmae
