#include "convmae/pretrain/panel_observer.h"

#include "convmae/base/error.h"
#include "convmae/base/stopwatch.h"
#include "convmae/io/atomic_file.h"
#include "convmae/report/png.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace convmae {

PanelObserver::PanelObserver(Run& run, PretrainTask& task, SamplePanel panel, std::int64_t every)
    : run_(run), task_(task), panel_(std::move(panel)), every_(every) {}

void PanelObserver::begin(const Moment& now) {
  if (run_.is_new()) draw(now.epoch);
}

void PanelObserver::evaluate(const Moment& now, Scores& /*scores*/) {
  if (now.due(every_)) draw(now.epoch);
}

void PanelObserver::draw(double epoch) {
  if (panel_.empty()) return;
  const Stopwatch watch(seconds_);
  const Picture picture = panel_.draw(*task_.model(), missing_fonts_);
  const std::string advice = missing_fonts_.advice();
  if (!advice.empty()) run_.say("warning: " + advice);
  const std::vector<std::uint8_t> png = encode_png(picture);
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "epoch-%07.2f.png", epoch);
  const std::filesystem::path directory = run_.paths().panels();
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  try {
    write_file_atomically(directory / name.data(),
                          {reinterpret_cast<const char*>(png.data()), png.size()});
    run_.log().add_image("reconstructions", png, picture, epoch);
  } catch (const UserError& error) {
    run_.say("warning: a picture could not be written: " + std::string(error.what()));
  }
}

}  // namespace convmae
