#pragma once

#include "convmae/data/loader.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace convmae {

/// Where a run's micro-batches come from, in the order of the run.
class BatchStream {
 public:
  virtual ~BatchStream() = default;
  virtual std::optional<Batch> next() = 0;
  /// How long `next` has kept its callers in all.
  virtual double seconds_waited() const = 0;
};

/// Opens a run's micro-batches from an epoch's micro-batch on.
using OpenBatches =
    std::function<std::unique_ptr<BatchStream>(std::int64_t epoch, std::int64_t batch)>;

}  // namespace convmae
