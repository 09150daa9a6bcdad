#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace convmae {

// The marks of a directory that a run writes into. Whoever looks for images must know them as well:
// what a run draws is no data.

/// The log, whose first line is the header.
inline constexpr const char* kRunLog = "log.txt";
/// The folder of what a run draws.
inline constexpr const char* kRunPanels = "panels";
/// The file that locks the directory.
inline constexpr const char* kRunLock = ".lock";
/// What a run writes into that file, before anything else.
inline constexpr std::string_view kRunMark = "A run of convmae writes into this directory.\n";

/// Whether the first line of a log is the header that this program writes. The published code's log
/// has lines of JSON as well, each of them an epoch's.
bool is_run_header(std::string_view line);

/// Whether a run of this program writes into the folder, or has done so.
bool holds_run(const std::filesystem::path& folder);

}  // namespace convmae
