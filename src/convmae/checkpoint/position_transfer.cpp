#include "convmae/checkpoint/position_transfer.h"

#include "convmae/base/error.h"
#include "convmae/base/geometry.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/model/encoder/position_embedding.h"
#include "convmae/model/encoder/position_grid.h"
#include "convmae/model/encoder/position_resize.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace convmae {
namespace {

std::int64_t places_of(Size grid) { return grid.height * grid.width; }

/// The grid of a table with so many rows: as the file says, else a square.
Size grid_of_file(const WeightFile& file, std::int64_t rows, std::int64_t (*rows_of)(Size),
                  std::optional<Size> (*square)(std::int64_t)) {
  if (const std::optional<CheckpointInfo> info = described_by_itself(file)) {
    const Size grid = geometry_of(info->model.encoder).grid();
    if (rows_of(grid) == rows) return grid;
  }
  const std::optional<Size> grid = square(rows);
  if (!grid) {
    throw UserError(
        "the " + std::to_string(rows) + " positions of " + quote(file.path().string()) +
        " make no square grid, and the file does not say which: give a file of convmae");
  }
  return *grid;
}

std::string interpolated(const char* what, Size from, Size to) {
  return std::string("; ") + what + " of a " + size_text(from) + " grid interpolated to " +
         size_text(to);
}

}  // namespace

bool is_relative_table(std::string_view name) {
  return name.ends_with(".attn.relative_position_bias_table");
}

std::optional<Size> grid_of_tables(const WeightFile& file, const Architecture& architecture) {
  if (architecture.position() == PositionEncoding::relative) {
    return grid_of_file(file, *architecture.distances, relative_distances,
                        square_grid_of_distances);
  }
  if (!architecture.positions) return std::nullopt;
  return grid_of_file(file, *architecture.positions, places_of, square_grid_of_places);
}

PositionTransfer::PositionTransfer(const WeightFile& file, std::string prefix,
                                   const EncoderConfig& encoder)
    : file_(file),
      prefix_(std::move(prefix)),
      encoder_(encoder),
      grid_(geometry_of(encoder).grid()) {}

bool PositionTransfer::take_absolute(const at::Tensor& target) {
  const at::NoGradGuard no_grad;
  const std::int64_t leading = target.size(1) - places_of(grid_);
  const Weight* const weight = file_.find(prefix_ + "pos_embed");
  if (weight == nullptr) {
    if (target.size(2) % 4 != 0) {
      throw UserError(quote(file_.path().string()) +
                      " has no position table, and none can be made of a width of " +
                      std::to_string(target.size(2)) +
                      ", which is no multiple of 4: give a whole checkpoint");
    }
    target.copy_(sincos_position_table(target.size(2), grid_, leading > 0).unsqueeze(0));
    lacks_absolute_ = true;
    return false;
  }
  const std::vector<std::int64_t>& shape = weight->tensor.shape;
  if (shape.size() != 3 || shape[0] != 1 || shape[1] <= leading || shape[2] != target.size(2)) {
    refuse_shape(file_.path(), weight->name, shape, target.sizes());
  }
  const Size from = grid_of_file(file_, shape[1] - leading, places_of, square_grid_of_places);
  if (!(from == grid_)) interpolated_ = interpolated("positions", from, grid_);
  target.copy_(resize_positions(read_tensor(file_, *weight), from, grid_, leading));
  return true;
}

bool PositionTransfer::take_relative(const std::string& name, const at::Tensor& target) {
  const at::NoGradGuard no_grad;
  asked_for_relative_ = true;
  const Weight* const weight = file_.find(prefix_ + name);
  if (weight == nullptr) {
    lacks_relative_ = true;
    return false;
  }
  const std::vector<std::int64_t>& shape = weight->tensor.shape;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] != target.size(1)) {
    refuse_shape(file_.path(), weight->name, shape, target.sizes());
  }
  const Size from = grid_of_file(file_, shape[0], relative_distances, square_grid_of_distances);
  if (!(from == grid_)) interpolated_ = interpolated("relative positions", from, grid_);
  target.copy_(resize_relative_positions(read_tensor(file_, *weight), from, grid_));
  return true;
}

std::string PositionTransfer::notes() const {
  const bool holds_relative = std::ranges::any_of(file_.weights(), [&](const Weight& weight) {
    return weight.name.starts_with(prefix_) && is_relative_table(weight.name);
  });
  std::string text = interpolated_;
  if (lacks_absolute_) text += "; new: the fixed table of positions, which the file lacks";
  if (lacks_relative_) text += "; new: tables of relative positions, which the file lacks";
  if (encoder_.position != PositionEncoding::sincos && file_.find(prefix_ + "pos_embed")) {
    text += "; left out: the file's table of positions";
  }
  if (encoder_.position != PositionEncoding::relative && holds_relative && !asked_for_relative_) {
    text += "; left out: the file's tables of relative positions";
  }
  return text;
}

}  // namespace convmae
