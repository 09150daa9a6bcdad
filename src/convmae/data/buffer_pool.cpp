#include "convmae/data/buffer_pool.h"

#include <new>
#include <utility>

namespace convmae {

std::shared_ptr<std::byte[]> heap_memory(std::int64_t bytes) {
  constexpr std::align_val_t kAlignment{64};
  auto* const memory =
      static_cast<std::byte*>(::operator new[](static_cast<std::size_t>(bytes), kAlignment));
  return {memory, [](std::byte* buffer) { ::operator delete[](buffer, kAlignment); }};
}

std::shared_ptr<std::byte[]> BufferPool::take() const {
  std::shared_ptr<std::byte[]> buffer;
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->idle.empty()) {
      buffer = std::move(state_->idle.back());
      state_->idle.pop_back();
    }
  }
  if (!buffer) buffer = source_(bytes_);
  std::byte* const bytes = buffer.get();
  const auto give_back = [owner = std::move(buffer),
                          pool = std::weak_ptr<State>(state_)](std::byte* /*bytes*/) mutable {
    if (const std::shared_ptr<State> state = pool.lock()) {
      const std::lock_guard lock(state->mutex);
      state->idle.push_back(std::move(owner));
    }
  };
  return {bytes, give_back};
}

}  // namespace convmae
