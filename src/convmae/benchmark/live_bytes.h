#pragma once

#include <c10/core/Allocator.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace convmae {

/// Counts the bytes of tensors that the code between its making and its end allocated on this
/// thread and has not freed.
class LiveBytes {
 public:
  LiveBytes();
  ~LiveBytes();
  LiveBytes(const LiveBytes&) = delete;
  LiveBytes& operator=(const LiveBytes&) = delete;

  std::int64_t now() const;

 private:
  class Listener;
  std::shared_ptr<Listener> listener_;
};

}  // namespace convmae
