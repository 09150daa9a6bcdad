#include "convmae/dist/gpu_connections.h"

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace convmae {

#ifdef USE_C10D_NCCL

c10::intrusive_ptr<c10d::Backend> connect_gpus(const c10::intrusive_ptr<c10d::Store>& store,
                                               int rank, int size,
                                               std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  auto connections = c10::make_intrusive<c10d::ProcessGroupNCCL>(
      c10::make_intrusive<c10d::PrefixStore>("nccl", store), rank, size, options);
  connections->setSequenceNumberForGroup();
  return connections;
}

#else

c10::intrusive_ptr<c10d::Backend> connect_gpus(const c10::intrusive_ptr<c10d::Store>& /*store*/,
                                               int /*rank*/, int /*size*/,
                                               std::chrono::milliseconds /*timeout*/) {
  return nullptr;
}

#endif

}  // namespace convmae
