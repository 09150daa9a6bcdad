#pragma once

#include "convmae/data/sources/source.h"

#include <CLI/App.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// The images of a command that makes something of each: files as words behind it, or a folder, a
/// list or an archive, as the only word or with --data.
class ImageWords {
 public:
  void add_to(CLI::App& command);

  /// Opens them, and says what was found in a folder and the like. Throws UserError if they were
  /// given in no way or in both.
  std::shared_ptr<const ImageSource> open() const;
  /// What the names of the images are relative to: the folder, or that of the list or archive;
  /// empty where they are words.
  std::filesystem::path folder() const;

 private:
  /// The folder, list or archive; empty where images are words.
  std::string collection() const;

  std::string data_;
  std::vector<std::string> words_;
};

}  // namespace convmae
