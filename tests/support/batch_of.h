#pragma once

#include "convmae/data/loader.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace convmae {

/// A batch of these samples, without their pixels.
inline Batch batch_of(std::vector<std::int64_t> samples) {
  Batch batch;
  batch.count = std::ssize(samples);
  batch.samples = std::move(samples);
  return batch;
}

}  // namespace convmae
