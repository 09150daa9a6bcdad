#include "convmae/base/cpu_clock.h"
#include "convmae/base/read_file.h"
#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/output.h"
#include "convmae/cli/validators.h"
#include "convmae/io/weights.h"

#include <ATen/ATen.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <malloc.h>
#include <memory>
#include <string>
#include <vector>

namespace convmae {
namespace {

struct BenchWeightsOptions {
  std::string file;
  int rounds = 9;
  bool json = false;
};

/// Gives freed memory back to the system, so that the next allocation is as dear as the first.
void forget_memory() { ::malloc_trim(0); }

/// CPU seconds of read() of the whole file into memory that no one has touched.
double read_whole(const std::string& path) {
  forget_memory();
  const double begin = process_cpu_seconds();
  const FileDescriptor file = open_for_reading(path);
  constexpr FileKind kWeights{"a file of weights", std::numeric_limits<std::int64_t>::max()};
  const auto size = static_cast<std::size_t>(size_of(file, kWeights, path));
  const std::unique_ptr<std::byte[]> memory(new std::byte[size]);
  read_at(file, 0, {memory.get(), size}, path);
  return process_cpu_seconds() - begin;
}

/// CPU seconds of opening the file and fetching every weight into a tensor of its own.
double load_weights(const std::string& path) {
  forget_memory();
  const double begin = process_cpu_seconds();
  const WeightFile file(path);
  std::vector<at::Tensor> tensors;
  for (const Weight& weight : file.weights()) {
    tensors.push_back(at::empty(weight.tensor.shape));
    read_tensor(file, weight, tensors.back());
  }
  return process_cpu_seconds() - begin;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void run(const BenchWeightsOptions& options) {
  load_weights(options.file);  // refuses what is none before memory is taken for all its bytes
  std::vector<double> read;
  std::vector<double> loaded;
  for (int round = 0; round < options.rounds; ++round) {
    read.push_back(read_whole(options.file));
    loaded.push_back(load_weights(options.file));
  }
  if (options.json) {
    print_json({{"file", options.file},
                {"rounds", options.rounds},
                {"read_cpu_seconds", median(read)},
                {"load_cpu_seconds", median(loaded)},
                {"ratio", median(loaded) / median(read)}});
    return;
  }
  std::printf("CPU seconds, medians of %d rounds in turn\n", options.rounds);
  std::printf("  %-40s %7.3f\n", "read() into fresh memory", median(read));
  std::printf("  %-40s %7.3f\n", "weights into tensors", median(loaded));
  std::printf("  %-40s %7.2f\n", "ratio", median(loaded) / median(read));
}

}  // namespace

void add_bench_weights(CLI::App& bench) {
  CLI::App* const command = bench.add_subcommand(
      "weights", "What loading a file of weights costs, beside reading its bytes");
  const auto options = std::make_shared<BenchWeightsOptions>();
  command->add_option("file", options->file, "PyTorch checkpoint or safetensors")->required();
  numbers_of<int>(command->add_option("--rounds", options->rounds, "Measurements of each"))
      ->check(positive())
      ->capture_default_str();
  add_json(*command, options->json);
  add_example(*command, "convmae bench weights weights.safetensors");
  command->callback([options] { run(*options); });
}

}  // namespace convmae
