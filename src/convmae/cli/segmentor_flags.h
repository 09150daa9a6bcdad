#pragma once

#include "convmae/segment/segmentor_checkpoint.h"
#include "convmae/segment/segmentor_inference.h"

#include <CLI/App.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace convmae {

/// How a command that uses a segmentor looks at images.
class SegmentorFlags {
 public:
  void add_to(CLI::App& command);

  const std::string& checkpoint() const { return checkpoint_; }
  /// What they make of what the segmentor's file says. Throws UserError for a mode or a stride that
  /// there is not.
  SegmentorInput input(const LoadedSegmentor& loaded, const Compute& compute) const;
  /// What ids in label files mean: as the flags say, which have the segmentor's classes, or as its
  /// file does. Throws UserError for other classes.
  std::shared_ptr<const LabelScheme> scheme(const LoadedSegmentor& loaded) const;

 private:
  std::string checkpoint_;
  std::string mode_ = "slide";
  std::vector<std::int64_t> stride_;
  std::vector<std::int64_t> bounds_;
  bool original_size_ = false;
  bool mirror_ = false;
  LabelSchemeOptions labels_;
};

}  // namespace convmae
