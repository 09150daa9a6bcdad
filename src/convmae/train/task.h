#pragma once

#include "convmae/data/loader.h"
#include "convmae/model/named_tensors.h"
#include "convmae/optim/optimizer.h"

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>
#include <torch/nn/module.h>

#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// The loss of a micro-batch.
struct Loss {
  at::Tensor total;  ///< [], with a graph: what is minimised
  /// What it is made of, by name, for the log: each []. Empty where it is one thing.
  std::vector<std::pair<std::string, at::Tensor>> parts;
};

/// What a task keeps in its checkpoints beside module, optimizer and position.
struct FurtherState {
  NamedTensors tensors;
  nlohmann::ordered_json entries = nlohmann::ordered_json::object();  ///< of the trainer state
};

/// What is trained.
class Task {
 public:
  virtual ~Task() = default;

  virtual torch::nn::Module& module() = 0;
  virtual Optimizer& optimizer() = 0;
  /// Changes nothing but for statistics that `commit` keeps.
  virtual Loss loss(const Batch& batch) = 0;
  /// After a step that was taken.
  virtual void commit() {}
  /// After a step that was left out.
  virtual void discard() {}
  /// Instead of both where the host does not wait for a device that is not the CPU: what it does
  /// counts if `admitted` ([] bool, on the device) is true, and is forgotten otherwise.
  virtual void commit_if(const at::Tensor& admitted);
  /// Its tensors share memory with the task: writing into them restores a checkpoint.
  virtual FurtherState further_state() { return {}; }
};

}  // namespace convmae
