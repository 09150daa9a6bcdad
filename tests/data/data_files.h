#pragma once

#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>
#include <zlib.h>

namespace convmae::test {

/// A directory for a data set, gone with the object.
class DataDirectory {
 public:
  DataDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "convmae-data-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~DataDirectory() { std::filesystem::remove_all(path_); }
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// A small picture under that name (a JPEG, whatever the name says).
  void add(const std::string& name) {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::filesystem::copy_file(
        std::filesystem::path(CONVMAE_SOURCE_DIR) / "tests/data/images/baseline.jpg", path_ / name);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  void write_gz(const std::string& name, const std::string& text) const {
    gzFile file = gzopen((path_ / name).c_str(), "wb");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace convmae::test
