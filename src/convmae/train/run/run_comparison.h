#pragma once

#include "convmae/train/run/run_history.h"

#include <filesystem>
#include <string>
#include <vector>

namespace convmae {

struct ComparedRun {
  std::string name;
  RunHistory history;
};

/// Writes one page with the curves of several runs, those of a kind in one chart: accuracy on
/// held-out images, nearest neighbours, losses; and a table of where each run ended. Throws
/// UserError if a chart would have more curves than colours (6), or if the page cannot be written.
void write_comparison(const std::filesystem::path& page, const std::string& title,
                      const std::vector<ComparedRun>& runs);

}  // namespace convmae
