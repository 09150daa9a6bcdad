#pragma once

#include "convmae/base/random.h"
#include "convmae/data/augment/rand_augment.h"
#include "convmae/data/augment/random_erasing.h"
#include "convmae/data/decode/decode.h"
#include "convmae/data/draw_key.h"
#include "convmae/data/image.h"
#include "convmae/data/resize/resize.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace convmae {

/// Bounds of RandomResizedCrop: share of the area, and width / height.
struct CropRange {
  double min_scale = 0.2;
  double max_scale = 1.0;
  double min_ratio = 3.0 / 4.0;
  double max_ratio = 4.0 / 3.0;
};

/// A random part of an image, drawn as torchvision's RandomResizedCrop does: area uniform, aspect
/// ratio log-uniform, ten attempts to fit, else the largest centred part within the ratios.
Box random_crop(Size image, const CropRange& range, const DrawKey& key);

/// True for half of all keys: mirror left to right.
bool random_flip(const DrawKey& key);

/// The published evaluation geometry: resize (keeping the aspect ratio) until `output` / 0.875 is
/// just covered, or `output` itself if it is larger than 224, then cut out the centre.
struct CentreCrop {
  Size resized;
  Box window;  ///< the centre, within `resized`
};
CentreCrop centre_crop(Size image, Size output);

/// Mean and standard deviation per channel, on pixels scaled to 0..1.
struct Normalisation {
  std::vector<float> mean;
  std::vector<float> std;

  /// ImageNet's published values for three channels; 0.5 and 0.5 for any other number.
  static Normalisation defaults(std::int64_t channels);
};

/// Throws UserError if there is not one mean and one spread above 0 for each channel.
void check_normalisation(const Normalisation& normalisation, std::int64_t channels);

/// Writes `(x / 255 - mean) / std`, in float32, of pixels `[height, width, channels]` as
/// `[channels, height, width]`, mirrored left to right if `flip`. `out` has room for all values.
void normalise(const std::uint8_t* pixels, Size size, const Normalisation& normalisation, bool flip,
               float* out);
/// The same of an image: `(x / full_scale - mean) / std`; writes `[channels, height, width]`,
/// mirrored left to right if `flip`. `out` has room for all values; `scale` is the full scale of
/// the stored type.
void normalise(const Image& image, float scale, const Normalisation& normalisation, bool flip,
               float* out);

enum class Geometric {
  random_crop,  ///< RandomResizedCrop and mirror: training
  centre_crop,  ///< evaluation
};

struct TransformConfig {
  Geometric geometric = Geometric::random_crop;
  Size output{224, 224};
  CropRange crop;
  bool flip = true;
  std::optional<RandAugment> rand_augment;      ///< after crop and mirror; 8-bit RGB only
  std::optional<RandomErasing> random_erasing;  ///< on the normalised pixels
  Filter filter = Filter::bicubic;
  /// Random crops only, inexact: see DecodeOptions::fast_cover and WeightPrecision::coarse.
  bool fast_decode = false;
  DecodeOptions decode;  ///< `decode.channels` is the number of channels delivered
  Normalisation normalisation = Normalisation::defaults(3);
};

/// From the bytes of a file to normalised pixels. Holds the buffers of its work: one a thread.
class SampleTransform {
 public:
  /// Throws UserError if sizes, channels or normalisation do not fit together.
  explicit SampleTransform(TransformConfig config);

  /// Writes `[channels, output.height, output.width]` to `out`. Throws UserError if the bytes are
  /// not an image of that many channels. Keeps no memory of a giant image (Image::forget_giant).
  void apply(EncodedBytes encoded, const DrawKey& key, float* out);
  /// The same without its last stage, `write`.
  void prepare(EncodedBytes encoded, const DrawKey& key);

  /// What `apply` does, in this order, for whoever wants to time it or to look in between.
  void decode(EncodedBytes encoded, const DrawKey& key);
  void resize();
  /// Gives back what a large image took.
  void forget_giants();
  void augment(const DrawKey& key);
  void write(const DrawKey& key, float* out) const;
  /// Whether `write` only normalises 8-bit pixels, which may then as well be done later.
  bool ends_in_bytes() const;
  /// Those pixels, mirrored as `write` would, to `out` as `[output.height, output.width,
  /// channels]`.
  void write_bytes(std::uint8_t* out) const;
  /// The pixels as the last stage but `write` left them.
  const Image& pixels() const { return resized_; }

  /// What the values of the last image suggest (hint_of_scale); once there has been something to
  /// say, no more.
  std::string take_hint();

  std::int64_t values_per_sample() const;
  const TransformConfig& config() const { return config_; }

 private:
  TransformConfig config_;
  Image decoded_;
  Box part_;  ///< of `decoded_`, that is resized
  Image resized_;
  float scale_ = 1;    ///< full scale of the decoded pixels
  bool flip_ = false;  ///< still to be done by `write`
  Image scratch_;
  Resizer resizer_;
  std::string hint_;
  bool has_hinted_ = false;
};

}  // namespace convmae
