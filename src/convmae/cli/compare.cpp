#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/output.h"
#include "convmae/io/atomic_file.h"
#include "convmae/report/report.h"
#include "convmae/train/run/run_comparison.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace convmae {
namespace {

struct CompareOptions {
  std::vector<std::string> runs;
  std::string out = "comparison.html";
  std::string title = "Runs compared";
  bool json = false;
};

/// "runs/a/" -> "a".
std::string name_of(const std::filesystem::path& run) {
  const std::filesystem::path clean = std::filesystem::absolute(run).lexically_normal();
  return (clean.has_filename() ? clean : clean.parent_path()).filename().string();
}

bool is_whole(const nlohmann::ordered_json& epoch) { return !epoch.contains("incomplete"); }

void print(const CompareOptions& options, const std::vector<ComparedRun>& runs) {
  if (!options.json) {
    std::printf("comparison: %s\n", printable(options.out).c_str());
    return;
  }
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& epochs = runs[i].history.epochs();
    rows.push_back({{"name", runs[i].name},
                    {"directory", options.runs[i]},
                    {"steps", runs[i].history.steps().size()},
                    {"epochs", std::ranges::count_if(epochs, is_whole)},
                    {"last_epoch", epochs.empty() ? nlohmann::ordered_json() : epochs.back()}});
  }
  print_json({{"comparison", options.out}, {"runs", rows}});
}

void run(const CompareOptions& options, bool out_was_given) {
  require_ending(options.out, {".html", ".htm"}, "the comparison is an HTML page");
  if (!out_was_given && !is_report(options.out)) require_absent(options.out, "--out");
  require_writable(options.out);
  std::vector<ComparedRun> runs;
  for (const std::string& path : options.runs) {
    runs.push_back({name_of(path), RunHistory::read({path})});
  }
  write_comparison(options.out, options.title, runs);
  print(options, runs);
}

}  // namespace

void add_compare(CLI::App& app) {
  CLI::App* const command = app.add_subcommand("compare", "The curves of several runs on one page");
  const auto options = std::make_shared<CompareOptions>();
  command
      ->add_option("runs", options->runs, "Run directories of any kind; they may still be going on")
      ->required();
  const CLI::Option* const out =
      command->add_option("--out", options->out, "The page, an HTML file")->capture_default_str();
  command->add_option("--title", options->title, "What stands above it")->capture_default_str();
  add_json(*command, options->json);
  add_example(*command, "convmae compare run classifier --out comparison.html");
  command->callback([options, out] { run(*options, out->count() > 0); });
}

}  // namespace convmae
