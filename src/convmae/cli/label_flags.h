#pragma once

#include "convmae/data/labels/label_scheme.h"

#include <CLI/App.hpp>

#include <optional>

namespace convmae {

/// The flags that say what the ids in label files mean, for commands without an OptionTable.
void add_label_flags(CLI::App& command, LabelSchemeOptions& options);

/// The scheme that they describe, or nothing if they name no classes.
std::optional<LabelScheme> scheme_if_given(const LabelSchemeOptions& options);

}  // namespace convmae
