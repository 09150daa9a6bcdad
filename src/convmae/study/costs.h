#pragma once

#include "convmae/study/plan.h"
#include "convmae/study/result_lines.h"
#include "convmae/study/study_run.h"

#include <optional>
#include <string>
#include <vector>

namespace convmae {

/// What a step's cost is of: 12 digits that stand for a pretraining's flags without those that say
/// how long it is, how fast it learns and how it is watched.
std::string cost_setting(const StudyTask& task);

/// Measures the CPU seconds of a step of every pretraining of a plan, and adds a line for each to
/// the costs: three rounds, in each of which all take their turn, so that what else the machine
/// does meets all alike. What has its rounds on this CPU is left out. Returns 0, or 128 plus the
/// signal if one asked for an end. A pretraining that fails is told of and has no lines.
int measure_costs(const StudyPlan& plan, const StudyRunOptions& options);

/// CPU seconds that a task will take: those of lines of the same settings, or of a pretraining its
/// steps times what one costs. Nothing if neither is known.
std::optional<double> estimated_cpu_seconds(const StudyTask& task, const StudyPlan& plan,
                                            const std::vector<ResultLine>& lines,
                                            const std::vector<CostLine>& costs);

}  // namespace convmae
