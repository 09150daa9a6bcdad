#include "convmae/train/run/run_pictures.h"

#include "convmae/base/error.h"
#include "convmae/base/read_file.h"
#include "convmae/io/atomic_file.h"
#include "convmae/report/format.h"
#include "convmae/report/png.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace convmae {
namespace {

/// "epoch-0012.50.png" -> "epoch 12.5".
std::string label_of_picture(const std::filesystem::path& file) {
  const std::string name = file.stem().string();
  return "epoch " + format_number(std::strtod(name.c_str() + name.find('-') + 1, nullptr));
}

}  // namespace

void keep_picture(Run& run, const std::string& tag, const Picture& picture, double epoch) {
  if (!run.is_first()) return;
  const std::vector<std::uint8_t> png = encode_png(picture);
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "epoch-%07.2f.png", epoch);
  const std::filesystem::path directory = run.paths().panels();
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  try {
    write_file_atomically(directory / name.data(),
                          {reinterpret_cast<const char*>(png.data()), png.size()});
    run.log().add_image(tag, png, picture, epoch);
  } catch (const UserError& error) {
    run.say("warning: a picture could not be written: " + std::string(error.what()));
  }
}

std::vector<Figure> kept_pictures(const RunPaths& paths) {
  std::vector<std::filesystem::path> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(paths.panels(), none)) {
    if (entry.path().extension() == ".png" && entry.is_regular_file(none)) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  constexpr std::size_t kMost = 12;
  constexpr FileKind kPanel{"a picture of the run", std::int64_t{1} << 28};
  std::vector<Figure> figures;
  const std::size_t count = std::min(files.size(), kMost);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t pick = count == 1 ? 0 : i * (files.size() - 1) / (count - 1);
    figures.push_back({.label = label_of_picture(files[pick]),
                       .caption = "",
                       .png = read_whole_file(files[pick], kPanel)});
  }
  return figures;
}

}  // namespace convmae
