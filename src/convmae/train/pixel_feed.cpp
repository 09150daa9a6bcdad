#include "convmae/train/pixel_feed.h"

#include "convmae/train/batches.h"

#include <ATen/ATen.h>
#include <ATen/core/CachingHostAllocator.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace convmae {
namespace {

/// One number a channel, as the loader rounds them.
at::Tensor for_channels(const std::vector<double>& values, c10::Device device) {
  return at::tensor(values, at::kDouble).to(at::kFloat).view({-1, 1, 1}).to(device);
}

}  // namespace

BatchMemory batch_memory(c10::Device device, bool bytes) {
  if (device.is_cpu()) return {};
  return {.bytes = bytes, .source = [type = device.type()](std::int64_t size) {
            const auto owner = std::make_shared<at::DataPtr>(
                at::getHostAllocator(type)->allocate(static_cast<std::size_t>(size)));
            return std::shared_ptr<std::byte[]>(owner, static_cast<std::byte*>(owner->get()));
          }};
}

PixelFeed::PixelFeed(Preprocessing preprocessing, c10::Device device)
    : preprocessing_(std::move(preprocessing)),
      device_(device),
      mean_(for_channels(preprocessing_.mean, device)),
      std_(for_channels(preprocessing_.std, device)),
      // As a tensor: a device would multiply by the reciprocal of a number.
      full_scale_(at::full({}, 255, at::device(device).dtype(at::kFloat))) {
  if (device.is_cuda()) {
    stream_ = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
  }
}

at::Tensor PixelFeed::images(const Batch& batch) {
  if (batch.pixels) return send(images_of(batch, preprocessing_), batch.pixels);
  const Size size = preprocessing_.size;
  const at::Tensor bytes =
      send(at::from_blob(
               batch.bytes.get(), {batch.count, size.height, size.width, mean_.size(0)},
               [held = batch.bytes](void*) {}, at::kByte),
           batch.bytes);
  at::Tensor pixels = bytes.permute({0, 3, 1, 2})
                          .to(at::kFloat, /*non_blocking=*/false,
                              /*copy=*/false, at::MemoryFormat::Contiguous);
  return pixels.div_(full_scale_).sub_(mean_).div_(std_);
}

at::Tensor PixelFeed::send(const at::Tensor& host, std::shared_ptr<const void> memory) {
  if (!stream_) return host.to(device_);
  while (!underway_.empty() && underway_.front().arrived.query()) underway_.pop_front();
  const c10::impl::VirtualGuardImpl guard(device_.type());
  const c10::Stream computing = guard.getStream(device_);
  Sending& sending = underway_.emplace_back(Sending{std::move(memory), c10::Event(device_.type())});
  at::Tensor result;
  {
    const c10::StreamGuard travelling(*stream_);
    result = host.to(device_, /*non_blocking=*/true);
    sending.arrived.record(*stream_);
  }
  sending.arrived.block(computing);
  // Else its memory might be filled by the next batch while this one is still read.
  guard.recordDataPtrOnStream(result.storage().data_ptr(), computing);
  return result;
}

}  // namespace convmae
