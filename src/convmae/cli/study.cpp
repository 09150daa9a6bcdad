#include "convmae/study/study.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/base/read_file.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/output.h"
#include "convmae/cli/validators.h"
#include "convmae/io/atomic_file.h"
#include "convmae/report/format.h"
#include "convmae/study/costs.h"
#include "convmae/study/study_page.h"
#include "convmae/study/study_run.h"
#include "convmae/study/study_tables.h"
#include "convmae/train/run/environment.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace convmae {
namespace {

std::string cpu_name() {
  for (const auto& [name, value] : environment()) {
    if (name == "cpu") return value;
  }
  return "unknown";
}

class StudyCommand {
 public:
  StudyCommand(CLI::App& command, CommandLine& line) : line_(line) {
    command
        .add_option("studies", files_,
                    "Files of studies in TOML; what several of them ask for is run once")
        ->required();
    command.add_option("--out,--output_dir", out_,
                       "Directory of the runs and of report.html; without it nothing is run");
    command.add_option("--lines", lines_,
                       "Directory of the results, a file of JSON lines for each study [--out]");
    command.add_option("--tables", tables_,
                       "Page in Markdown that gets the tables, between two markers");
    numbers_of<std::int64_t>(
        command.add_option("--parallel", parallel_, "Processes beside each other"))
        ->check(count())
        ->capture_default_str();
    numbers_of<std::int64_t>(
        command.add_option("--seeds", seeds_, "Only the first so many seeds of each study"))
        ->check(positive());
    command.add_option("--launcher", launcher_,
                       "Words before each command, such as 'torchrun --no-python --nproc 8'");
    command.add_flag(
        "--measure", measure_,
        "Measure what a step of each pretraining takes, in turns, before anything else");
    command.add_flag("--dry_run", dry_run_, "Print what would be run, and the time that it takes");
    add_example(command, "convmae study configs/studies/masked_conv_fashion.toml --out study");
  }

  void run() {
    if (out_.empty() && lines_.empty()) {
      throw UserError(
          "--out, a directory for the runs, is missing; or give --lines for the tables of results "
          "that are there");
    }
    if (lines_.empty()) lines_ = out_;
    if (!tables_.empty()) require_writable(tables_);
    read_studies();
    plan_ = plan_of(studies_);
    const StudyRunOptions options = run_options();
    if (measure_) {
      if (out_.empty()) throw UserError("--measure needs --out, a directory for its runs");
      line_.exit_code = measure_costs(plan_, options);
      if (line_.exit_code != 0) return;
    }
    if (dry_run_) {
      print_plan();
      return;
    }
    if (!out_.empty()) line_.exit_code = run_plan(plan_, studies_, options);
    write_findings();
  }

 private:
  void read_studies() {
    std::set<std::string> names;
    for (const std::string& file : files_) {
      Study study = read_study(file);
      if (!names.insert(study.name).second) {
        throw UserError("two of the studies are named " + quote(study.name) +
                        ": their results would go to one file");
      }
      if (seeds_ > 0 && seeds_ < std::ssize(study.seeds)) {
        study.seeds.resize(static_cast<std::size_t>(seeds_));
      }
      studies_.push_back(std::move(study));
    }
  }

  StudyRunOptions run_options() const {
    StudyRunOptions options;
    options.out = out_;
    options.lines = lines_;
    options.parallel = parallel_;
    std::istringstream words(launcher_);
    for (std::string word; words >> word;) options.program.push_back(word);
    options.program.push_back(std::filesystem::read_symlink("/proc/self/exe").string());
    options.cpu = cpu_name();
    options.commit = program_commit();
    options.tell = [](const std::string& text) { std::cerr << "convmae: " << text << std::endl; };
    options.refresh = [this] { write_page(findings()); };
    return options;
  }

  std::vector<StudyFindings> findings() const {
    const std::vector<CostLine> costs = read_cost_lines(lines_);
    std::vector<StudyFindings> findings;
    findings.reserve(studies_.size());
    for (const Study& study : studies_) {
      findings.emplace_back(study, plan_, read_result_lines(lines_, study.name), costs);
    }
    return findings;
  }

  void write_page(const std::vector<StudyFindings>& findings) const {
    write_study_page(std::filesystem::path(out_) / "report.html", studies_, findings,
                     "convmae " + program_version());
  }

  void write_findings() const {
    const std::vector<StudyFindings> found = findings();
    std::string text;
    for (std::size_t i = 0; i < studies_.size(); ++i) {
      if (i > 0) text += '\n';
      text += markdown_of(studies_[i], found[i]);
    }
    if (!out_.empty()) write_page(found);
    if (!tables_.empty()) {
      constexpr FileKind kPage{"a page in Markdown", std::int64_t{1} << 24};
      write_file_atomically(tables_, with_generated(read_text_file(tables_, kPage), text, tables_));
    }
    std::printf("%s", text.c_str());
  }

  void print_plan() const {
    const LinesSoFar lines(studies_, lines_);
    const std::vector<CostLine> costs = read_cost_lines(lines_);
    const std::vector<bool> open = open_tasks(plan_, lines);
    double seconds = 0;
    std::ptrdiff_t unknown = 0;
    for (std::size_t i = 0; i < plan_.tasks.size(); ++i) {
      const StudyTask& task = plan_.tasks[i];
      const auto time = estimated_cpu_seconds(task, plan_, lines.lines(), costs);
      if (open[i]) {
        seconds += time.value_or(0);
        if (!time) ++unknown;
      }
      std::printf("%s  %s  %s  convmae %s\n", task.key.c_str(), open[i] ? "to do" : "done ",
                  (time ? format_duration(*time) : "?").c_str(),
                  typed_text(words_of(task.command, task.flags)).c_str());
    }
    std::printf("%td of %zu tasks are to be run: %s of CPU time", std::ranges::count(open, true),
                plan_.tasks.size(), format_duration(seconds).c_str());
    if (unknown > 0) {
      std::printf(", and %td whose time is not known before one of their kind has been run",
                  unknown);
    }
    std::printf("\n");
  }

  CommandLine& line_;
  std::vector<std::string> files_;
  std::string out_;
  std::string lines_;
  std::string tables_;
  std::string launcher_;
  std::int64_t parallel_ = 1;
  std::int64_t seeds_ = 0;
  bool measure_ = false;
  bool dry_run_ = false;
  std::vector<Study> studies_;
  StudyPlan plan_;
};

}  // namespace

void add_study(CLI::App& app, CommandLine& line) {
  add_command<StudyCommand>(
      app, "study", "Compare settings: a grid of runs with seeds and evaluations, and its tables",
      line);
}

}  // namespace convmae
