#include "convmae/detect/paste_masks.h"

#include "convmae/coco/run_writer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace convmae {
namespace {

/// Along one side of the image the pixels that lie on the grid.
struct PastedAxis {
  std::int64_t begin = 0;          ///< the first of them
  std::vector<std::int64_t> cell;  ///< the cell before each, from -1
  std::vector<float> share;        ///< of the cell behind that one
};

/// In float32, in the order of operations of detectron2 and ATen's grid_sample.
PastedAxis paste_axis(float low, float high, std::int64_t side, std::int64_t pixels) {
  PastedAxis axis;
  if (!(high > low)) return axis;
  const auto cells = static_cast<float>(side);
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    const float within = (static_cast<float>(pixel) + 0.5F - low) / (high - low) * 2 - 1;
    const float at = (within + 1) * (cells / 2) - 0.5F;
    if (!(at > -1 && at < cells)) continue;
    if (axis.cell.empty()) axis.begin = pixel;
    const float before = std::floor(at);
    axis.cell.push_back(static_cast<std::int64_t>(before));
    axis.share.push_back(at - before);
  }
  return axis;
}

/// One mask on its way into an image.
class PastedMask {
 public:
  PastedMask(const float* mask, const float* box, std::int64_t side, Size image)
      : mask_(mask),
        side_(side),
        rows_(paste_axis(box[1], box[3], side, image.height)),
        columns_(paste_axis(box[0], box[2], side, image.width)),
        column_(static_cast<std::size_t>(side) + 2) {
    if (rows_.cell.empty() || columns_.cell.empty()) {
      rows_ = {};
      columns_ = {};
    }
  }

  const PastedAxis& rows() const { return rows_; }
  const PastedAxis& columns() const { return columns_; }

  /// Reads the grid at the i-th pixel of columns(): what follows is about that column.
  void go_to_column(std::size_t i) {
    const std::int64_t cell = columns_.cell[i];
    const float share = columns_.share[i];
    for (std::int64_t y = 0; y < side_; ++y) {
      const float* row = mask_ + y * side_;
      const float before = cell >= 0 ? row[cell] : 0;
      const float behind = cell + 1 < side_ ? row[cell + 1] : 0;
      column_[static_cast<std::size_t>(y) + 1] = before * (1 - share) + behind * share;
    }
  }

  /// At the i-th pixel of rows().
  float value(std::size_t i) const {
    const auto [before, behind] = cells_at(i);
    return before * (1 - rows_.share[i]) + behind * rows_.share[i];
  }

  /// Writes all of the column, whose pixels between the same two cells mostly are alike.
  void write_column(float threshold, std::int64_t height, coco::RunWriter& runs) const {
    // More than rounding takes a value out of the interval between its two cells.
    constexpr float kMargin = 1e-6F;
    runs.add(static_cast<std::uint32_t>(rows_.begin), false);
    const std::size_t end = rows_.cell.size();
    for (std::size_t i = 0; i < end;) {
      std::size_t next = i + 1;
      while (next < end && rows_.cell[next] == rows_.cell[i]) ++next;
      const auto [before, behind] = cells_at(i);
      const float margin = kMargin * std::max(std::abs(before), std::abs(behind));
      const bool all = std::min(before, behind) - margin >= threshold;
      if (all || std::max(before, behind) + margin < threshold) {
        runs.add(static_cast<std::uint32_t>(next - i), all);
      } else {
        for (std::size_t k = i; k < next; ++k) runs.add(1, value(k) >= threshold);
      }
      i = next;
    }
    runs.add(static_cast<std::uint32_t>(height - rows_.begin - static_cast<std::int64_t>(end)),
             false);
  }

 private:
  struct Neighbours {
    float before;
    float behind;
  };
  Neighbours cells_at(std::size_t i) const {
    const std::int64_t cell = rows_.cell[i];
    return {column_[static_cast<std::size_t>(cell + 1)],
            column_[static_cast<std::size_t>(cell + 2)]};
  }

  const float* mask_;
  std::int64_t side_;
  PastedAxis rows_;
  PastedAxis columns_;
  std::vector<float> column_;  ///< between two zeros
};

coco::Rle paste_one(PastedMask mask, Size image, float threshold) {
  coco::Rle rle{image, {}};
  coco::RunWriter runs(rle.runs);
  const PastedAxis& columns = mask.columns();
  const auto count = static_cast<std::int64_t>(columns.cell.size());
  runs.add(static_cast<std::uint32_t>(columns.begin * image.height), false);
  for (std::int64_t i = 0; i < count; ++i) {
    mask.go_to_column(static_cast<std::size_t>(i));
    mask.write_column(threshold, image.height, runs);
  }
  runs.add(static_cast<std::uint32_t>((image.width - columns.begin - count) * image.height), false);
  return rle;
}

void check_masks(const at::Tensor& masks, const at::Tensor& boxes) {
  TORCH_CHECK(masks.dim() == 3 && masks.size(1) == masks.size(2) && masks.size(1) > 0,
              "expected masks [D, M, M], found ", masks.sizes());
  TORCH_CHECK(boxes.dim() == 2 && boxes.size(0) == masks.size(0) && boxes.size(1) == 4,
              "expected boxes [", masks.size(0), ", 4], found ", boxes.sizes());
}

/// Calls paste(i, mask) for each, on all threads.
template <typename Paste>
void for_each_mask(const at::Tensor& masks, const at::Tensor& boxes, Size image,
                   const Paste& paste) {
  check_masks(masks, boxes);
  const at::Tensor grids = masks.to(at::kFloat).contiguous();
  const at::Tensor corners = boxes.to(at::kFloat).contiguous();
  const std::int64_t side = masks.size(1);
  const auto* grid = grids.const_data_ptr<float>();
  const auto* corner = corners.const_data_ptr<float>();
  at::parallel_for(0, masks.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      paste(i, PastedMask(grid + i * side * side, corner + 4 * i, side, image));
    }
  });
}

}  // namespace

at::Tensor paste_soft_masks(const at::Tensor& masks, const at::Tensor& boxes, Size image) {
  at::Tensor soft = at::zeros({masks.size(0), image.height, image.width});
  auto* const pixels = soft.mutable_data_ptr<float>();
  for_each_mask(masks, boxes, image, [&](std::int64_t i, PastedMask mask) {
    const PastedAxis& rows = mask.rows();
    const PastedAxis& columns = mask.columns();
    float* const first = pixels + (i * image.height + rows.begin) * image.width + columns.begin;
    for (std::size_t x = 0; x < columns.cell.size(); ++x) {
      mask.go_to_column(x);
      for (std::size_t y = 0; y < rows.cell.size(); ++y) {
        first[static_cast<std::int64_t>(y) * image.width + static_cast<std::int64_t>(x)] =
            mask.value(y);
      }
    }
  });
  return soft;
}

std::vector<coco::Rle> paste_masks(const at::Tensor& masks, const at::Tensor& boxes, Size image,
                                   double threshold) {
  coco::mask_pixels(image);
  TORCH_CHECK(threshold > 0, "expected a threshold above 0, found ", threshold);
  std::vector<coco::Rle> pasted(static_cast<std::size_t>(masks.size(0)));
  for_each_mask(masks, boxes, image, [&](std::int64_t i, PastedMask mask) {
    pasted[static_cast<std::size_t>(i)] =
        paste_one(std::move(mask), image, static_cast<float>(threshold));
  });
  return pasted;
}

}  // namespace convmae
