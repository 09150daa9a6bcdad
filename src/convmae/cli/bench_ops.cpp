#include "convmae/base/error.h"
#include "convmae/benchmark/operator_benchmark.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/option_table.h"
#include "convmae/cli/output.h"
#include "convmae/model/compute.h"
#include "convmae/ops/cpu_features.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <string>
#include <vector>

namespace convmae {
namespace {

void print_as_json(const MachineLimits& limits, const std::vector<OperatorCost>& costs) {
  nlohmann::ordered_json json;
  json["cpu"] = describe_cpu();
  json["limit_gigabytes_per_second"] = limits.gigabytes_per_second;
  json["limit_gflops"] = limits.gflops;
  for (const OperatorCost& cost : costs) {
    json["operators"].push_back({{"name", cost.name},
                                 {"size", cost.size},
                                 {"cpu_seconds", cost.cpu_seconds},
                                 {"gigabytes_per_second", cost.gigabytes_per_second()},
                                 {"gflops", cost.gflops()},
                                 {"share_of_limit", limits.share(cost)}});
  }
  print_json(json);
}

void print_text(const MachineLimits& limits, const std::vector<OperatorCost>& costs) {
  constexpr double kMilli = 1e3;
  constexpr double kPercent = 100;
  std::printf("%s\nlimits: %.1f GB/s of copying, %.0f GFLOP/s of a matrix product\n\n",
              describe_cpu().c_str(), limits.gigabytes_per_second, limits.gflops);
  std::printf("%-24s %-34s %9s %8s %9s %9s\n", "forward and backward", "", "CPU ms", "GB/s",
              "GFLOP/s", "of limit");
  for (const OperatorCost& cost : costs) {
    std::printf("%-24s %-34s %9.2f %8.1f %9.0f %7.0f %%\n", cost.name.c_str(), cost.size.c_str(),
                kMilli * cost.cpu_seconds, cost.gigabytes_per_second(), cost.gflops(),
                kPercent * limits.share(cost));
  }
}

class BenchOpsCommand {
 public:
  explicit BenchOpsCommand(CLI::App& command) : table_(command) {
    table_.group("Measurement");
    table_.add("batch_size", batch_size_, "Images of a batch");
    table_.add("threads", compute_.threads, "Threads that compute");
    table_.add("precision", compute_.precision,
               "fp32, bf16 where the CPU has it, or fast: bf16 if it has");
    table_.add_command_line_only("json", json_, "Print JSON");
  }

  void run() const {
    if (batch_size_ < 1 || compute_.threads < 1) {
      throw UserError("--batch_size and --threads must be 1 or more, found " +
                      std::to_string(batch_size_) + " and " + std::to_string(compute_.threads));
    }
    const c10::ScalarType type = start_compute(compute_).type;
    const MachineLimits limits = measure_limits(type);
    const std::vector<OperatorCost> costs = benchmark_operators(type, batch_size_);
    if (json_) {
      print_as_json(limits, costs);
    } else {
      print_text(limits, costs);
    }
  }

 private:
  std::int64_t batch_size_ = 8;
  ComputeOptions compute_{.device = "cpu", .threads = 1};
  bool json_ = false;
  OptionTable table_;
};

}  // namespace

void add_bench_ops(CLI::App& bench) {
  CLI::App& command = add_command<BenchOpsCommand>(
      bench, "ops", "Each operator at the sizes of ConvMAE-B, against the machine's limits");
  add_example(command, "convmae bench ops --batch_size 1");
}

}  // namespace convmae
