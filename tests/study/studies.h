#pragma once

#include "convmae/study/study.h"

#include "io/test_files.h"
#include <string>
#include <string_view>

namespace convmae::test {

/// Two arms, of which `plain` differs, with neighbours and two draws of fine-tuning.
inline constexpr std::string_view kSmallStudy = R"(
title = "A study"
baseline = "plain"
seeds = 2
[pretrain]
data = "images"
epochs = 3
[evaluations.knn]
command = "knn"
data = "labelled"
[evaluations.tuned]
command = "finetune"
data = "labelled-{seed}-{draw}"
test = "labelled"
draws = 2
[arms.plain]
label = "without"
pretrain = { masked_conv = false }
[arms.masked]
[[claims]]
text = "Masks help."
better = "masked"
worse = "plain"
evaluation = "knn"
)";

/// A study that stands in a file of that name.
inline Study study_of(const TemporaryDirectory& directory, std::string_view text,
                      const std::string& name = "small.toml") {
  write_text(directory / name, text);
  return read_study(directory / name);
}

}  // namespace convmae::test
