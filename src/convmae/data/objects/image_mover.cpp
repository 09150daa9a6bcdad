#include "convmae/data/objects/image_mover.h"

#include "convmae/data/augment/augment.h"

#include <algorithm>
#include <cassert>

namespace convmae {
namespace {

constexpr float kGrey = 128.0F / 255.0F;

template <typename T>
void pad_into(const Image& in, T grey, Image& out) {
  const std::int64_t values = in.width() * in.channels();
  for (std::int64_t y = 0; y < out.height(); ++y) {
    T* row = out.row<T>(y);
    T* const end = row + out.width() * out.channels();
    if (y < in.height()) row = std::copy_n(in.row<T>(y), values, row);
    std::fill(row, end, grey);
  }
}

}  // namespace

void ImageMover::resize(const Resized& resized, const Box& window) {
  Image& target = current_ == &first_ ? second_ : first_;
  resizer_.resize(*current_, {0, 0, resized.from.height, resized.from.width}, resized.to, window,
                  Filter::bilinear, target);
  current_ = &target;
}

void ImageMover::pad(Size to, float grey) {
  if (current_->size() == to) return;
  Image& target = current_ == &first_ ? second_ : first_;
  target.resize(to, current_->channels(), current_->type());
  if (current_->type() == PixelType::uint8) {
    pad_into(*current_, static_cast<std::uint8_t>(grey), target);
  } else {
    pad_into(*current_, grey, target);
  }
  current_ = &target;
}

const Image& ImageMover::move(Image& image, const GeometryPlan& plan) {
  assert(image.size() == plan.input);
  const float grey = kGrey * full_scale(image.type());
  current_ = &image;
  if (image.type() == PixelType::uint16) {
    convert_to_float(image, first_);
    current_ = &first_;
  }
  for (std::size_t i = 0; i < plan.moves.size(); ++i) {
    const Move& move = plan.moves[i];
    if (const auto* const resized = std::get_if<Resized>(&move)) {
      // Of what is cut off, nothing need be computed.
      const auto* const cropped =
          i + 1 < plan.moves.size() ? std::get_if<Cropped>(&plan.moves[i + 1]) : nullptr;
      resize(*resized, cropped == nullptr ? Box{0, 0, resized->to.height, resized->to.width}
                                          : part_within(cropped->window, resized->to));
      if (cropped != nullptr) ++i;
    } else if (const auto* const alone = std::get_if<Cropped>(&move)) {
      const Size size = current_->size();
      resize({size, size}, part_within(alone->window, size));
    } else if (const auto* const padded = std::get_if<Padded>(&move)) {
      pad(padded->to, grey);
    } else {
      mirror(*current_);
    }
  }
  return *current_;
}

void ImageMover::forget_giants() {
  resizer_.forget_giant();
  first_.forget_giant();
  second_.forget_giant();
}

}  // namespace convmae
