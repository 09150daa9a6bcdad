#pragma once

#include "convmae/base/file_descriptor.h"

#include <nlohmann/json.hpp>

#include <filesystem>

namespace convmae {

/// Appends JSON objects to a text file, one a line. Each line is one write to the file, so a reader
/// or a crash sees whole lines; an incomplete last line that a full disk or a lost machine left is
/// cut off when the file is opened. Numbers that are not finite become null, as JSON knows none.
///
/// All failures are UserErrors that name the file.
class JsonlWriter {
 public:
  explicit JsonlWriter(const std::filesystem::path& path);

  void append(const nlohmann::ordered_json& object);
  /// Waits until the lines are on disk.
  void sync();

 private:
  std::filesystem::path path_;
  FileDescriptor file_;
};

}  // namespace convmae
