#pragma once

#include <cstdint>
#include <vector>

namespace convmae::coco {

/// Appends stretches of pixels to the run lengths of a mask, alike ones joined. The first run is of
/// pixels that are not in it.
class RunWriter {
 public:
  explicit RunWriter(std::vector<std::uint32_t>& runs) : runs_(runs) { runs_.assign(1, 0); }
  void add(std::uint32_t length, bool in) {
    if (length == 0) return;
    if (in != in_) runs_.push_back(0);
    in_ = in;
    runs_.back() += length;
  }

 private:
  std::vector<std::uint32_t>& runs_;
  bool in_ = false;
};

}  // namespace convmae::coco
