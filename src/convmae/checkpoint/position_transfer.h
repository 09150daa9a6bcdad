#pragma once

#include "convmae/io/weights.h"
#include "convmae/model/architecture.h"
#include "convmae/model/config.h"

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <string_view>

namespace convmae {

/// Whether a parameter is a block's own table of relative positions, by its published name.
bool is_relative_table(std::string_view name);

/// The grid that the file's tables of positions have their rows for, as the file says, else a
/// square one; nothing if it has no tables. Throws UserError if no square has so many rows.
std::optional<Size> grid_of_tables(const WeightFile& file, const Architecture& architecture);

/// Takes an encoder's tables of positions from a file whose encoder may have another grid or know
/// positions in another way. Tables of another grid are interpolated.
class PositionTransfer {
 public:
  /// `prefix` stands before the encoder's names in the file; `encoder` is what the tables are for.
  PositionTransfer(const WeightFile& file, std::string prefix, const EncoderConfig& encoder);

  // Whether the file has the table, which `target` then is. They throw UserError if it has one that
  // cannot become it.

  /// `pos_embed`. A table that the file does not have becomes the fixed one.
  bool take_absolute(const at::Tensor& target);
  /// A block's table of this name. One that the file does not have stays as it is.
  bool take_relative(const std::string& name, const at::Tensor& target);

  /// What was not taken as it stood, what is new and what the file has beyond that, for messages:
  /// empty, or parts that begin with "; ".
  std::string notes() const;

 private:
  const WeightFile& file_;
  std::string prefix_;
  const EncoderConfig& encoder_;
  Size grid_;
  std::string interpolated_;
  bool lacks_absolute_ = false;
  bool lacks_relative_ = false;
  bool asked_for_relative_ = false;
};

}  // namespace convmae
