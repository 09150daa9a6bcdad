#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace convmae {

/// Memory of so many bytes, aligned to 64, which lives as long as it has owners. Called from any
/// thread.
using MemorySource = std::function<std::shared_ptr<std::byte[]>(std::int64_t bytes)>;

/// The heap.
std::shared_ptr<std::byte[]> heap_memory(std::int64_t bytes);

/// Lends buffers of one size. A buffer comes back by itself when its last owner lets go, from any
/// thread, also after the pool is gone (then it is freed). Copies of a pool share its buffers.
class BufferPool {
 public:
  explicit BufferPool(std::int64_t bytes, MemorySource source = heap_memory)
      : state_(std::make_shared<State>()), bytes_(bytes), source_(std::move(source)) {}

  /// A buffer of unspecified content. From any thread.
  std::shared_ptr<std::byte[]> take() const;

 private:
  struct State {
    std::mutex mutex;
    std::vector<std::shared_ptr<std::byte[]>> idle;
  };

  std::shared_ptr<State> state_;
  std::int64_t bytes_;
  MemorySource source_;
};

/// A buffer as values of another type.
template <typename T>
std::shared_ptr<T[]> values_in(const std::shared_ptr<std::byte[]>& buffer) {
  return {buffer, reinterpret_cast<T*>(buffer.get())};
}

}  // namespace convmae
