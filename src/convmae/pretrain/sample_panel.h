#pragma once

#include "convmae/data/sources/source.h"
#include "convmae/model/autoencoder/pretrain_model.h"
#include "convmae/pretrain/pretrain_options.h"
#include "convmae/report/missing_fonts.h"
#include "convmae/report/picture.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace convmae {

/// A few images of a source with fixed masks, reconstructed now and then to see a model learn.
class SamplePanel {
 public:
  /// Takes about `options.panel_images` images at even distances; undecodable ones are left out.
  SamplePanel(const PretrainOptions& options, const ImageSource& source);

  bool empty() const { return captions_.empty(); }
  /// What the model makes of the images now.
  Picture draw(PretrainModel& model, MissingFonts& missing) const;

 private:
  const PretrainOptions& options_;
  at::Tensor images_;
  std::vector<std::int64_t> numbers_;
  std::vector<std::string> captions_;
};

}  // namespace convmae
