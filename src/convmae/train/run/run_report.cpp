#include "convmae/train/run/run_report.h"

#include "convmae/train/run/environment.h"
#include "convmae/train/run/run_charts.h"

namespace convmae {

ReportData begin_report(const RunPaths& paths, const RunHistory& log, const RunFacts& facts) {
  ReportData data;
  data.title = facts.title;
  data.subtitle = paths.root.lexically_normal().string();
  data.footer = "convmae " + program_version();
  data.status = facts.status;
  data.tiles = training_tiles(log, facts.epochs, facts.steps);
  if (!facts.note.empty()) data.notes.push_back(facts.note);
  return data;
}

Section section_of_run(const RunFacts& facts) {
  NamedValues environment = facts.machine;
  environment.emplace_back("command", facts.command);
  environment.emplace_back("data", facts.data);
  Section run{.title = "The run"};
  run.tables.push_back(table_of("Configuration", facts.settings));
  run.tables.push_back(table_of("Environment", environment));
  return run;
}

}  // namespace convmae
