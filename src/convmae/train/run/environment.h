#pragma once

#include "convmae/model/compute.h"

#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// The program's version.
std::string program_version();
/// The commit that it was built from, with -dirty behind it if files differed; "unknown" if the
/// sources did not say.
std::string program_commit();
/// Compiler and kind of build.
std::string build_description();
/// The libtorch that the program was compiled against.
std::string libtorch_built();
/// The libtorch that is loaded.
std::string libtorch_running();

/// Name and value of everything about program and machine that decides a run's numbers or speed,
/// for
/// --version, logs and reports.
std::vector<std::pair<std::string, std::string>> environment(const Compute& compute = {});

}  // namespace convmae
