#include "convmae/data/buffer_pool.h"

#include <new>
#include <utility>

namespace convmae {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

void BufferPool::Free::operator()(float* buffer) const { ::operator delete[](buffer, kAlignment); }

std::shared_ptr<float[]> BufferPool::take() {
  Buffer buffer;
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->idle.empty()) {
      buffer = std::move(state_->idle.back());
      state_->idle.pop_back();
    }
  }
  if (!buffer) {
    const auto bytes = static_cast<std::size_t>(values_) * sizeof(float);
    buffer.reset(static_cast<float*>(::operator new[](bytes, kAlignment)));
  }
  const auto give_back = [pool = std::weak_ptr<State>(state_)](float* returned) {
    Buffer owner(returned);
    if (const std::shared_ptr<State> state = pool.lock()) {
      const std::lock_guard lock(state->mutex);
      state->idle.push_back(std::move(owner));
    }
  };
  return {buffer.release(), give_back};
}

}  // namespace convmae
