#include "convmae/cli/segmentor_flags.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/cli/label_flags.h"
#include "convmae/cli/validators.h"

#include <CLI/CLI.hpp>

#include <cstddef>
#include <optional>

namespace convmae {

void SegmentorFlags::add_to(CLI::App& command) {
  command
      .add_option("--checkpoint", checkpoint_,
                  "A segmentor: the directory of a run, its weights, or published ones")
      ->required();
  command
      .add_option("--mode", mode_,
                  "slide (windows as large as the crop of training) or whole (the image at once)")
      ->check(CLI::IsMember({"slide", "whole"}))
      ->capture_default_str();
  numbers_of<std::int64_t>(
      command.add_option("--stride", stride_,
                         "From one window to the next: a number, or for height and width; by "
                         "itself as in training"))
      ->expected(1, 2)
      ->delimiter(',')
      ->check(positive());
  numbers_of<std::int64_t>(
      command.add_option("--bounds", bounds_,
                         "Resize images to the largest size with sides within these two; by "
                         "itself as in training"))
      ->expected(2)
      ->delimiter(',')
      ->check(positive());
  command.add_flag("--original_size", original_size_, "Look at images at their own size");
  command.add_flag("--mirror", mirror_, "Average over the mirrored image too");
  add_label_flags(command, labels_);
}

std::shared_ptr<const LabelScheme> SegmentorFlags::scheme(const LoadedSegmentor& loaded) const {
  const std::optional<LabelScheme> given = scheme_if_given(labels_);
  if (!given) return loaded.scheme;
  if (given->num_classes() != loaded.scheme->num_classes()) {
    throw UserError("the labels have " + std::to_string(given->num_classes()) +
                    " classes, but the segmentor tells " +
                    std::to_string(loaded.scheme->num_classes()) + " apart: give its classes");
  }
  const std::vector<std::string> names = given->names();
  const std::vector<std::string> own = loaded.scheme->names();
  for (std::size_t k = 0; loaded.named && k < names.size(); ++k) {
    if (names[k] == own[k]) continue;
    throw UserError("class " + std::to_string(k) + " of the labels is " + quote(names[k]) +
                    ", but that of the segmentor is " + quote(own[k]) +
                    ": give its classes in its order");
  }
  return std::make_shared<LabelScheme>(*given);
}

SegmentorInput SegmentorFlags::input(const LoadedSegmentor& loaded, const Compute& compute) const {
  if (original_size_ && !bounds_.empty()) {
    throw UserError("--original_size and --bounds each say how large images are: leave out one");
  }
  const SegmentorConfig& config = loaded.segmentor->config();
  SegmentorInput input{.preprocessing = loaded.preprocessing, .compute = compute};
  input.viewing = {config.encoder.img_size, loaded.test.stride, mirror_};
  if (!stride_.empty()) input.viewing.stride = {stride_.front(), stride_.back()};
  if (mode_ == "whole") input.viewing.crop = {};
  validate(input.viewing, config);
  if (!original_size_) {
    input.bounds = bounds_.empty() ? loaded.test.bounds : Bounds{bounds_.at(0), bounds_.at(1)};
  }
  return input;
}

}  // namespace convmae
