#pragma once

#include "convmae/study/findings.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// Writes a page with a section for each study: its tables, and the means of its curves over epochs
/// and over CPU time. Throws UserError if it cannot be written.
void write_study_page(const std::filesystem::path& page, const std::vector<Study>& studies,
                      const std::vector<StudyFindings>& findings, const std::string& footer);

}  // namespace convmae
