#pragma once

#include "convmae/report/report.h"
#include "convmae/study/findings.h"

#include <string>
#include <vector>

namespace convmae {

/// A row an arm: of each evaluation the mean, its standard error and the number of seeds, and the
/// difference to the baseline with its 95 % interval; CPU time of pretraining.
Table score_table(const Study& study, const StudyFindings& findings);
/// A row a claim: the difference that decides it, and what it says. No rows without claims.
Table claim_table(const Study& study, const StudyFindings& findings);

/// As GitHub reads tables. Cells are plain text.
std::string markdown_of(const Table& table);

/// The section of a study in a page in Markdown: what was compared, its tables, on which CPUs.
std::string markdown_of(const Study& study, const StudyFindings& findings);

/// `page` with `text` between the markers `<!-- study: begin -->` and `<!-- study: end -->`. Throws
/// UserError, which names `name`, if the page does not have both, once and in this order.
std::string with_generated(const std::string& page, const std::string& text,
                           const std::string& name);

}  // namespace convmae
