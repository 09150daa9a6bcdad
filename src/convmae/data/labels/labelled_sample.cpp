#include "convmae/data/labels/labelled_sample.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/data/augment/augment.h"
#include "convmae/data/augment/photometric.h"
#include "convmae/data/decode/decode_label.h"

#include <string>
#include <utility>

namespace convmae {
namespace {

/// Decodes pairs. Holds the buffers of its work: one a thread.
class PairReader {
 public:
  explicit PairReader(const DecodeOptions& options) : options_(options) {
    options_.apply_exif_orientation = true;
  }

  /// The upright image, valid until the next call.
  Image& image(const ImageSource& source, std::int64_t index) {
    source.read(index, encoded_);
    decode_image(encoded_, options_, image_);
    return image_;
  }

  /// The classes of its pixels; `size` is its own.
  LabelMap labels(const LabelPairs& pairs, std::int64_t index, const LabelScheme& scheme,
                  Size size) {
    LabelMap map;
    try {
      pairs.read_label(index, encoded_);
      decode_label(encoded_, {&scheme.palette(), options_.max_pixels}, ids_);
      if (ids_.size() != size) {
        throw UserError("expected " + size_text(size) +
                        " pixels (height x width), as the upright image has, found " +
                        size_text(ids_.size()) + ": it is of another version of the image");
      }
      scheme.apply(ids_, map);
    } catch (const UserError& error) {
      throw UserError("its label file " + quote(pairs.label_name(index)) + ": " + error.what());
    }
    return map;
  }

  /// Gives back what a large image took.
  void forget_giants() {
    image_.forget_giant();
    ids_.forget_giant();
  }

 private:
  DecodeOptions options_;
  std::vector<std::uint8_t> encoded_;
  Image image_;
  Image ids_;
};

/// Calls `forget_giants` however the scope ends.
template <typename Holder>
class Forgetting {
 public:
  explicit Forgetting(Holder& holder) : holder_(holder) {}
  Forgetting(const Forgetting&) = delete;
  Forgetting& operator=(const Forgetting&) = delete;
  ~Forgetting() { holder_.forget_giants(); }

 private:
  Holder& holder_;
};

/// Normalised, [channels, height, width].
std::vector<float> pixels_of(const Image& image, float scale, const Normalisation& normalisation) {
  std::vector<float> pixels(static_cast<std::size_t>(image.num_values()));
  normalise(image, scale, normalisation, /*flip=*/false, pixels.data());
  return pixels;
}

class CropMaker {
 public:
  CropMaker(std::shared_ptr<const LabelPairs> pairs, std::shared_ptr<const LabelScheme> scheme,
            LabelledSampleConfig config)
      : pairs_(std::move(pairs)),
        scheme_(std::move(scheme)),
        config_(std::move(config)),
        reader_(config_.decode) {}

  Sample make(std::int64_t index, const DrawKey& key) {
    const Forgetting<CropMaker> forgetting(*this);
    const Image& image = reader_.image(*pairs_, index);
    const LabelMap labels = reader_.labels(*pairs_, index, *scheme_, image.size());
    const CropPlan plan = plan_crop(config_.recipe, labels, image.size(), draws_of(key));
    const float scale = full_scale(image.type());
    resizer_.resize(image, plan.resized, plan.window, cropped_);
    if (plan.mirrored) mirror(cropped_);
    if (config_.recipe.distort) {
      if (image.type() != PixelType::uint8) {
        throw UserError("expected 8-bit pixels for the photometric distortion, found " +
                        to_string(image.type()) + ": switch it off");
      }
      distort(cropped_, draws_of(key, Purpose::augment));
    }
    Sample sample;
    sample.original = plan.input;
    sample.size = sample.content = cropped_.size();
    sample.pixels = pixels_of(cropped_, scale, config_.normalisation);
    sample.map = cropped_labels(labels, plan);
    pad_to(config_.recipe.crop, config_.decode.channels, sample);
    return sample;
  }

  void forget_giants() {
    reader_.forget_giants();
    resizer_.forget_giant();
    cropped_.forget_giant();
  }

 private:
  std::shared_ptr<const LabelPairs> pairs_;
  std::shared_ptr<const LabelScheme> scheme_;
  LabelledSampleConfig config_;
  PairReader reader_;
  LinearResizer resizer_;
  Image cropped_;
};

class WholeMaker {
 public:
  /// `pairs` may be null, and then `scheme` too.
  WholeMaker(std::shared_ptr<const LabelPairs> pairs, std::shared_ptr<const LabelScheme> scheme,
             WholeImageConfig config)
      : pairs_(std::move(pairs)),
        scheme_(std::move(scheme)),
        config_(std::move(config)),
        reader_(config_.decode) {}

  WholeImage make(const ImageSource& source, std::int64_t index) {
    const Forgetting<WholeMaker> forgetting(*this);
    const Image& image = reader_.image(source, index);
    WholeImage whole;
    whole.original = whole.size = image.size();
    const float scale = full_scale(image.type());
    const Image* resized = &image;
    if (config_.bounds) {
      whole.size = size_within(*config_.bounds, image.size());
      resizer_.resize(image, whole.size, whole_image(whole.size), resized_);
      resized = &resized_;
    }
    whole.pixels = pixels_of(*resized, scale, config_.normalisation);
    if (pairs_) whole.labels = reader_.labels(*pairs_, index, *scheme_, whole.original);
    return whole;
  }

  void forget_giants() {
    reader_.forget_giants();
    resizer_.forget_giant();
    resized_.forget_giant();
  }

 private:
  std::shared_ptr<const LabelPairs> pairs_;
  std::shared_ptr<const LabelScheme> scheme_;
  WholeImageConfig config_;
  PairReader reader_;
  LinearResizer resizer_;
  Image resized_;
};

void check_bounds(const WholeImageConfig& config) {
  check_normalisation(config.normalisation, config.decode.channels);
  if (config.bounds && (config.bounds->longest < 1 || config.bounds->shortest < 1)) {
    throw UserError("expected bounds of images above 0: choose others");
  }
}

}  // namespace

std::function<SampleLoader<Sample>::Make()> labelled_samples(
    std::shared_ptr<const LabelPairs> pairs, std::shared_ptr<const LabelScheme> scheme,
    LabelledSampleConfig config) {
  check_recipe(config.recipe);
  check_normalisation(config.normalisation, config.decode.channels);
  if (config.recipe.distort && config.decode.channels != 3) {
    throw UserError("expected 3 channels for the photometric distortion, found " +
                    std::to_string(config.decode.channels) + ": switch it off");
  }
  return [pairs = std::move(pairs), scheme = std::move(scheme), config = std::move(config)] {
    return [maker = std::make_shared<CropMaker>(pairs, scheme, config)](
               const ImageSource& /*source*/, std::int64_t sample, const DrawKey& key) {
      return maker->make(sample, key);
    };
  };
}

std::function<SampleLoader<WholeImage>::Make()> whole_images(
    std::shared_ptr<const LabelPairs> pairs, std::shared_ptr<const LabelScheme> scheme,
    WholeImageConfig config) {
  check_bounds(config);
  return [pairs = std::move(pairs), scheme = std::move(scheme), config = std::move(config)] {
    return [maker = std::make_shared<WholeMaker>(pairs, scheme, config)](
               const ImageSource& source, std::int64_t sample, const DrawKey& /*key*/) {
      return maker->make(source, sample);
    };
  };
}

std::function<SampleLoader<WholeImage>::Make()> whole_images(WholeImageConfig config) {
  return whole_images(nullptr, nullptr, std::move(config));
}

}  // namespace convmae
