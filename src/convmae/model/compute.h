#pragma once

#include "convmae/ops/gemm_policy.h"

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace convmae {

/// The arithmetic that is asked for, under the names of the flags.
struct ComputeOptions {
  std::string device = "auto";
  std::int64_t threads = 0;   ///< 0: one a CPU
  std::string gemm = "auto";  ///< of CPUs: others have one alone
  std::string precision = "auto";
  std::string kernel = "own";
};

/// Writes out what was left to the program.
void resolve_compute(ComputeOptions& options);
/// Throws UserError for names that there are not, and for what this machine lacks.
void validate_compute(const ComputeOptions& options);

class ProcessGroup;

/// What computes, and how: one object, made once by a command and handed down from there.
struct Compute {
  c10::Device device = c10::kCPU;
  c10::ScalarType type = c10::kFloat;  ///< of activations and GEMMs
  GemmPolicy gemm{};
  std::int64_t threads = 1;       ///< of the CPU
  ProcessGroup* group = nullptr;  ///< null: this process is alone
};

/// What the options ask for, by this process of the group, if there is one. Starts the threads, so
/// it is called once, before anything is computed. Throws UserError as validate_compute does, and
/// if the system refuses the threads.
Compute start_compute(const ComputeOptions& options, ProcessGroup* group = nullptr);

/// Moves what a model holds to the device (which may be meta: then only shapes are left), gives its
/// layers the policy of their GEMMs and its batch norms the other processes, and returns it.
/// Optimizers are made after that: what they remember lies where the parameters do.
torch::nn::Module& place(torch::nn::Module& model, const Compute& compute);

/// Name and value of everything about the machine that decides a run's numbers or speed.
std::vector<std::pair<std::string, std::string>> describe(const Compute& compute);

}  // namespace convmae
