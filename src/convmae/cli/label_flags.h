#pragma once

#include "convmae/cli/option_table.h"
#include "convmae/data/labels/label_scheme.h"

#include <CLI/App.hpp>

#include <optional>

namespace convmae {

/// The flags that say what the ids in label files mean; where commands have an OptionTable, there.
void add_label_flags(CLI::App& command, LabelSchemeOptions& options);
void add_label_flags(OptionTable& table, LabelSchemeOptions& options);

/// The scheme that they describe, or nothing if they name no classes.
std::optional<LabelScheme> scheme_if_given(const LabelSchemeOptions& options);

}  // namespace convmae
