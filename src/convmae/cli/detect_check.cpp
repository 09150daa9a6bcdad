#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/coco/check.h"
#include "convmae/data/decode/upright_size.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

namespace convmae {
namespace {

constexpr int kFaultyFile = 1;

Size size_of_image_file(const std::filesystem::path& path) {
  constexpr FileKind kImageFile{"an image file", std::int64_t{1} << 30};
  const std::vector<std::uint8_t> bytes = read_whole_file(path, kImageFile);
  try {
    return upright_size(bytes);
  } catch (const UserError& error) {
    throw UserError("cannot decode " + quote(path.string()) + ": " + error.what());
  }
}

void print_report(const std::string& file, const coco::CheckReport& report) {
  for (const std::string& error : report.errors) std::printf("error: %s\n", brief(error).c_str());
  const std::int64_t more = report.error_count - std::ssize(report.errors);
  if (more > 0) std::printf("error: %lld more of them\n", static_cast<long long>(more));
  std::int64_t warnings = 0;
  for (const coco::CheckReport::Warning& warning : report.warnings) {
    warnings += warning.count;
    std::printf("warning: %lld %s; the first is %s\n", static_cast<long long>(warning.count),
                warning.kind.c_str(), brief(warning.first).c_str());
  }
  if (report.is_results) {
    std::printf("%s: %lld results", quote(file).c_str(),
                static_cast<long long>(report.annotations));
  } else {
    std::printf("%s: %lld images, %lld annotations, %lld categories", quote(file).c_str(),
                static_cast<long long>(report.images), static_cast<long long>(report.annotations),
                static_cast<long long>(report.categories));
  }
  std::printf("; %lld errors, %lld warnings\n", static_cast<long long>(report.error_count),
              static_cast<long long>(warnings));
}

}  // namespace

void add_detect_check(CLI::App& detect, CommandLine& line) {
  CLI::App* const command = detect.add_subcommand(
      "check", "Say what is wrong with annotations or results in COCO's JSON format");
  struct Options {
    std::string file;
    std::string images;
  };
  const auto options = std::make_shared<Options>();
  command->add_option("file", options->file, "JSON file of annotations or results")->required();
  command->add_option("--images", options->images,
                      "Folder of the images, whose sizes are compared with those in the file");
  add_example(*command, "convmae detect check annotations.json");
  command->callback([options, &line] {
    coco::SizeOfImage size_of_image;
    if (!options->images.empty()) {
      const std::filesystem::path folder = options->images;
      if (!std::filesystem::is_directory(folder)) {
        throw UserError("expected a folder of images as --images, found " + quote(options->images));
      }
      size_of_image = [folder](const std::string& name) {
        return size_of_image_file(folder / name);
      };
    }
    const coco::CheckReport report = coco::check_file(options->file, size_of_image);
    print_report(options->file, report);
    if (report.error_count > 0) line.exit_code = kFaultyFile;
  });
}

}  // namespace convmae
