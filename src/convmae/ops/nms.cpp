#include "convmae/ops/nms.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sort.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <vector>

namespace convmae::ops {
namespace {

using at::Tensor;

void check_arguments(const Tensor& boxes, const Tensor& scores, int64_t max_kept) {
  TORCH_CHECK(boxes.dim() == 2 && boxes.size(1) == 4, "nms: boxes must be [N, 4], found ",
              boxes.sizes());
  TORCH_CHECK(scores.dim() == 1 && scores.size(0) == boxes.size(0), "nms: scores must be [",
              boxes.size(0), "], found ", scores.sizes());
  TORCH_CHECK(max_kept >= 0, "nms: max_kept must not be negative, found ", max_kept);
}

void check_groups(const Tensor& boxes, const Tensor& groups) {
  TORCH_CHECK(
      groups.dim() == 1 && groups.size(0) == boxes.size(0) && groups.scalar_type() == at::kLong,
      "batched_nms: groups must be [", boxes.size(0), "] int64, found ", groups.sizes(), " ",
      groups.scalar_type());
}

template <typename T>
struct Corners {
  T x1, y1, x2, y2;
};

/// The kept boxes of a group, coordinate by coordinate, so that the comparison with all of them is
/// a loop over vectors.
template <typename T>
class KeptBoxes {
 public:
  void add(const Corners<T>& box) {
    x1_.push_back(box.x1);
    y1_.push_back(box.y1);
    x2_.push_back(box.x2);
    y2_.push_back(box.y2);
    area_.push_back(area_of(box));
  }

  /// Whether some kept box suppresses this one.
  bool suppress(const Corners<T>& box, T threshold) const {
    constexpr size_t kChunk = 64;  // then it is worth while to ask whether all are done
    for (size_t begin = 0; begin < x1_.size(); begin += kChunk) {
      if (any_overlaps(box, threshold, begin, std::min(begin + kChunk, x1_.size()))) return true;
    }
    return false;
  }

 private:
  static T area_of(const Corners<T>& box) { return (box.x2 - box.x1) * (box.y2 - box.y1); }

  /// Operation by operation as torchvision, since equality with the threshold decides. 0/0 is not
  /// greater than anything.
  bool any_overlaps(const Corners<T>& box, T threshold, size_t begin, size_t end) const {
    const T area = area_of(box);
    int any = 0;
    for (size_t i = begin; i < end; ++i) {
      const T width = std::min(x2_[i], box.x2) - std::max(x1_[i], box.x1);
      const T height = std::min(y2_[i], box.y2) - std::max(y1_[i], box.y1);
      const T common = std::max(T{0}, width) * std::max(T{0}, height);
      any |= static_cast<int>(common / (area_[i] + area - common) > threshold);
    }
    return any != 0;
  }

  std::vector<T> x1_, y1_, x2_, y2_, area_;
};

/// What x > threshold means for an x of type T: the comparison is one of double precision.
template <typename T>
T rounded_down(double threshold) {
  const auto rounded = static_cast<T>(threshold);
  return rounded > threshold ? std::nextafter(rounded, -std::numeric_limits<T>::infinity())
                             : rounded;
}

/// `groups` may be null: all are of one.
template <typename T>
Tensor keep(const Tensor& boxes, const Tensor& order, const int64_t* groups, double iou_threshold,
            int64_t max_kept) {
  const T threshold = rounded_down<T>(iou_threshold);
  const T* coordinates = boxes.const_data_ptr<T>();
  std::vector<int64_t> kept;
  std::unordered_map<int64_t, KeptBoxes<T>> of_group;
  KeptBoxes<T>* const all = groups == nullptr ? &of_group[0] : nullptr;
  for (int64_t i = 0; i < boxes.size(0) && static_cast<int64_t>(kept.size()) < max_kept; ++i) {
    const int64_t number = order.const_data_ptr<int64_t>()[i];
    const T* from = coordinates + 4 * number;
    const Corners<T> box{from[0], from[1], from[2], from[3]};
    KeptBoxes<T>& others = all != nullptr ? *all : of_group[groups[number]];
    if (others.suppress(box, threshold)) continue;
    others.add(box);
    kept.push_back(number);
  }
  Tensor numbers = at::empty({static_cast<int64_t>(kept.size())}, order.options());
  std::copy(kept.begin(), kept.end(), numbers.mutable_data_ptr<int64_t>());
  return numbers;
}

Tensor by_descending_score(const Tensor& scores) {
  return std::get<1>(at::sort(scores, /*stable=*/true, /*dim=*/0, /*descending=*/true));
}

Tensor nms_cpu(const Tensor& boxes, const Tensor& scores, double iou_threshold, int64_t max_kept) {
  check_arguments(boxes, scores, max_kept);
  const Tensor order = by_descending_score(scores);
  if (boxes.scalar_type() == at::kDouble) {
    return keep<double>(boxes.contiguous(), order, nullptr, iou_threshold, max_kept);
  }
  return keep<float>(boxes.to(at::kFloat).contiguous(), order, nullptr, iou_threshold, max_kept);
}

Tensor batched_nms_cpu(const Tensor& boxes, const Tensor& scores, const Tensor& groups,
                       double iou_threshold, int64_t max_kept) {
  check_arguments(boxes, scores, max_kept);
  check_groups(boxes, groups);
  const Tensor corners = boxes.to(at::kFloat).contiguous();
  const Tensor order = by_descending_score(scores);
  if (boxes.size(0) > kMostShifted) {
    const Tensor numbers = groups.contiguous();
    return keep<float>(corners, order, numbers.const_data_ptr<int64_t>(), iou_threshold, max_kept);
  }
  // Nothing has no largest coordinate.
  const Tensor shifted = boxes.size(0) == 0
                             ? corners
                             : corners + (groups.to(at::kFloat) * (corners.max() + 1)).unsqueeze(1);
  return keep<float>(shifted, order, nullptr, iou_threshold, max_kept);
}

// ---- Other devices: the numbers of boxes are few, and who asks for them waits for them ----

Tensor nms_elsewhere(const Tensor& boxes, const Tensor& scores, double iou_threshold,
                     int64_t max_kept) {
  return nms_cpu(boxes.to(at::kCPU), scores.to(at::kCPU), iou_threshold, max_kept)
      .to(boxes.device());
}

Tensor batched_nms_elsewhere(const Tensor& boxes, const Tensor& scores, const Tensor& groups,
                             double iou_threshold, int64_t max_kept) {
  return batched_nms_cpu(boxes.to(at::kCPU), scores.to(at::kCPU), groups.to(at::kCPU),
                         iou_threshold, max_kept)
      .to(boxes.device());
}

// ---- Shapes only: as many as there may be ----

Tensor nms_meta(const Tensor& boxes, const Tensor& scores, double /*iou_threshold*/,
                int64_t max_kept) {
  check_arguments(boxes, scores, max_kept);
  return at::empty({std::min(boxes.size(0), max_kept)}, boxes.options().dtype(at::kLong));
}

Tensor batched_nms_meta(const Tensor& boxes, const Tensor& scores, const Tensor& groups,
                        double iou_threshold, int64_t max_kept) {
  check_groups(boxes, groups);
  return nms_meta(boxes, scores, iou_threshold, max_kept);
}

}  // namespace

Tensor nms(const Tensor& boxes, const Tensor& scores, double iou_threshold, int64_t max_kept) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("convmae::nms", "").typed<decltype(nms_cpu)>();
  return op.call(boxes.detach(), scores.detach(), iou_threshold, max_kept);
}

Tensor batched_nms(const Tensor& boxes, const Tensor& scores, const Tensor& groups,
                   double iou_threshold, int64_t max_kept) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("convmae::batched_nms", "")
                             .typed<decltype(batched_nms_cpu)>();
  return op.call(boxes.detach(), scores.detach(), groups, iou_threshold, max_kept);
}

TORCH_LIBRARY_FRAGMENT(convmae, library) {
  library.def("nms(Tensor boxes, Tensor scores, float iou_threshold, int max_kept) -> Tensor");
  library.def(
      "batched_nms(Tensor boxes, Tensor scores, Tensor groups, float iou_threshold, int max_kept) "
      "-> Tensor");
}

TORCH_LIBRARY_IMPL(convmae, CPU, library) {
  library.impl("nms", nms_cpu);
  library.impl("batched_nms", batched_nms_cpu);
}

TORCH_LIBRARY_IMPL(convmae, CompositeExplicitAutograd, library) {
  library.impl("nms", nms_elsewhere);
  library.impl("batched_nms", batched_nms_elsewhere);
}

TORCH_LIBRARY_IMPL(convmae, Meta, library) {
  library.impl("nms", nms_meta);
  library.impl("batched_nms", batched_nms_meta);
}

}  // namespace convmae::ops
