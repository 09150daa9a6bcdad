#include "convmae/train/run/run_result.h"

#include "convmae/base/json_text.h"
#include "convmae/base/read_file.h"
#include "convmae/io/atomic_file.h"

#include <string_view>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kBeginning = "{\n  \"status\": \"";

const char* name_of(RunStatus status) {
  switch (status) {
    case RunStatus::running:
      return "running";
    case RunStatus::finished:
      return "finished";
    case RunStatus::interrupted:
      return "interrupted";
    case RunStatus::failed:
      break;
  }
  return "failed";
}

}  // namespace

void write_result(const RunPaths& paths, const RunResult& result) {
  const Json json{
      {"status", name_of(result.status)},
      {"reason", result.reason},
      {"note", result.note.empty() ? Json() : Json(result.note)},
      {"signal", result.signal == 0 ? Json() : Json(result.signal)},
      {"command", result.command},
      {"step", result.step},
      {"steps", result.steps},
      {"epochs_done", result.epochs_done},
      {"epochs", result.epochs},
      {"last", result.last},
      {"best", result.best},
      {"seconds", result.seconds},
      {"cpu_seconds", result.cpu_seconds},
  };
  write_file_atomically(paths.result(), json_text(json, 2) + '\n');
}

bool is_result(const std::filesystem::path& path) {
  return file_beginning(path, kBeginning.size()) == kBeginning;
}

}  // namespace convmae
