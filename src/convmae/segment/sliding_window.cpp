#include "convmae/segment/sliding_window.h"

#include "convmae/base/error.h"
#include "convmae/segment/bilinear_rows.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace convmae {
namespace {

std::int64_t rounded_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

bool is_whole(const Viewing& viewing) { return viewing.crop == Size{}; }

/// The type of labels below `classes`.
at::ScalarType label_type(std::int64_t classes) {
  constexpr std::int64_t kBytes = 256;
  TORCH_CHECK(classes <= std::numeric_limits<std::int16_t>::max(), "too many classes: ", classes);
  return classes <= kBytes ? at::kByte : at::kShort;
}

}  // namespace

void validate(const Viewing& viewing, const SegmentorConfig& config) {
  if (is_whole(viewing)) return;
  EncoderConfig seen = config.encoder;
  seen.img_size = viewing.crop;
  geometry_of(seen);
  const auto fits = [](std::int64_t stride, std::int64_t crop) {
    return stride >= 1 && stride <= crop;
  };
  if (!fits(viewing.stride.height, viewing.crop.height) ||
      !fits(viewing.stride.width, viewing.crop.width)) {
    throw UserError("the stride of windows must be from 1 to their size of " +
                    size_text(viewing.crop) + ", found " + size_text(viewing.stride));
  }
}

std::vector<std::int64_t> window_starts(std::int64_t size, std::int64_t crop, std::int64_t stride) {
  TORCH_CHECK(crop >= 1 && size >= crop && stride >= 1, "no windows of ", crop, " at steps of ",
              stride, " in ", size);
  std::vector<std::int64_t> starts;
  for (std::int64_t start = 0; start + crop < size; start += stride) starts.push_back(start);
  starts.push_back(size - crop);
  return starts;
}

WindowedLogits::WindowedLogits(Segmentor& segmentor, const at::Tensor& image,
                               const Viewing& viewing)
    : segmentor_(segmentor), size_{image.size(1), image.size(2)}, crop_(viewing.crop) {
  TORCH_CHECK(!segmentor.is_training(), "windows are looked at in evaluation mode");
  Size stride = viewing.stride;
  if (is_whole(viewing)) {
    const std::int64_t block = geometry_of(segmentor.config().encoder).block();
    crop_ = {rounded_up(size_.height, block), rounded_up(size_.width, block)};
    stride = crop_;
  }
  const Size padded{std::max(size_.height, crop_.height), std::max(size_.width, crop_.width)};
  image_ = at::constant_pad_nd(
      image, {0, padded.width - size_.width, 0, padded.height - size_.height}, /*value=*/0);
  tops_ = window_starts(padded.height, crop_.height, stride.height);
  lefts_ = window_starts(padded.width, crop_.width, stride.width);
}

WindowedLogits::Band WindowedLogits::computed_band(std::int64_t top) {
  const at::NoGradGuard no_grad;
  Band band{top, {}};
  const at::Tensor rows = image_.narrow(1, top, crop_.height);
  for (const std::int64_t left : lefts_) {
    const at::Tensor window = rows.narrow(2, left, crop_.width).unsqueeze(0);
    band.logits.push_back(segmentor_.logits(window.contiguous())[0].to(at::kFloat).contiguous());
  }
  return band;
}

void WindowedLogits::add_band(const Band& band, std::int64_t first, const at::Tensor& sum) const {
  const std::int64_t begin = std::max(first, band.top);
  const std::int64_t end = std::min(first + sum.size(1), band.top + crop_.height);
  if (begin >= end) return;
  const at::Tensor target = sum.narrow(1, begin - first, end - begin);
  const RowWeights weights =
      row_weights(band.logits.front().size(1), crop_.height, begin - band.top, end - begin);
  for (std::size_t i = 0; i < lefts_.size(); ++i) {
    const at::Tensor source =
        band.logits[i].narrow(1, weights.first_source, weights.weights.size(1));
    target.narrow(2, lefts_[i], crop_.width).add_(resized_rows(source, weights, crop_.width));
  }
}

at::Tensor WindowedLogits::counts(const std::vector<std::int64_t>& starts, std::int64_t crop,
                                  std::int64_t first, std::int64_t places) {
  at::Tensor numbers = at::zeros({places}, at::kFloat);
  for (const std::int64_t start : starts) {
    const std::int64_t begin = std::max(first, start);
    const std::int64_t end = std::min(first + places, start + crop);
    if (begin < end) numbers.narrow(0, begin - first, end - begin).add_(1);
  }
  return numbers;
}

at::Tensor WindowedLogits::rows(std::int64_t first, std::int64_t rows) {
  TORCH_CHECK(first >= 0 && rows >= 1 && first + rows <= size_.height, "no rows ", first, " to ",
              first + rows, " of ", size_.height);
  TORCH_CHECK(first >= asked_from_, "rows from ", first, " on are asked for after those from ",
              asked_from_);
  asked_from_ = first;
  while (!bands_.empty() && bands_.front().top + crop_.height <= first) bands_.pop_front();
  while (next_band_ < tops_.size() && tops_[next_band_] < first + rows) {
    const std::int64_t top = tops_[next_band_++];
    if (top + crop_.height > first) bands_.push_back(computed_band(top));
  }
  const at::Tensor sum = at::zeros({segmentor_.config().num_classes, rows, image_.size(2)},
                                   image_.options().dtype(at::kFloat));
  for (const Band& band : bands_) add_band(band, first, sum);
  const at::Tensor count = counts(tops_, crop_.height, first, rows).unsqueeze(1) *
                           counts(lefts_, crop_.width, 0, image_.size(2));
  return sum.div_(count.to(sum.device())).narrow(2, 0, size_.width);
}

at::Tensor rows_at(Size size, WindowedLogits& logits, std::int64_t first, std::int64_t rows) {
  if (size == logits.size()) return logits.rows(first, rows);
  const RowWeights weights = row_weights(logits.size().height, size.height, first, rows);
  return resized_rows(logits.rows(weights.first_source, weights.weights.size(1)), weights,
                      size.width);
}

at::Tensor slide(Segmentor& segmentor, const at::Tensor& image, Size original,
                 const Viewing& viewing) {
  const at::NoGradGuard no_grad;
  WindowedLogits logits(segmentor, image, viewing);
  std::optional<WindowedLogits> mirrored;
  if (viewing.mirror) mirrored.emplace(segmentor, image.flip({2}), viewing);
  const std::int64_t classes = segmentor.config().num_classes;
  const at::ScalarType type = label_type(classes);
  at::Tensor labels = at::empty({original.height, original.width}, type);
  const std::int64_t strip = strip_rows(classes * std::max(original.width, image.size(2)));
  for (std::int64_t first = 0; first < original.height; first += strip) {
    const std::int64_t rows = std::min(strip, original.height - first);
    at::Tensor scores = rows_at(original, logits, first, rows);
    if (mirrored) {
      scores = at::softmax(scores, 0);
      scores += at::softmax(rows_at(original, *mirrored, first, rows), 0).flip({2});
    }
    labels.narrow(0, first, rows).copy_(scores.argmax(0).to(type));
  }
  return labels;
}

}  // namespace convmae
