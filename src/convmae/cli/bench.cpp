#include "convmae/base/error.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/model_flags.h"
#include "convmae/cli/option_table.h"
#include "convmae/ops/cpu_features.h"
#include "convmae/ops/gemm.h"
#include "convmae/train/pretrain_benchmark.h"

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

namespace convmae {
namespace {

void print_json(const PretrainBenchmarkOptions& options, const PretrainBenchmark& result,
                const std::string& gemm, std::int64_t threads) {
  nlohmann::ordered_json json;
  json["config"] = nlohmann::ordered_json::parse(to_json(options.model));
  json["batch_size"] = options.batch_size;
  json["steps"] = options.steps;
  json["threads"] = threads;
  json["gemm"] = gemm;
  json["cpu"] = describe_cpu();
  json["cpu_seconds_per_step"] = result.cpu_seconds_per_step();
  json["forward_cpu_seconds"] = result.forward_cpu_seconds;
  json["backward_cpu_seconds"] = result.backward_cpu_seconds;
  json["optimizer_cpu_seconds"] = result.optimizer_cpu_seconds;
  json["wall_seconds_per_step"] = result.wall_seconds;
  json["images_per_second"] = result.images_per_second;
  json["peak_rss_bytes"] = result.peak_rss_bytes;
  std::cout << json.dump(2) << std::endl;
}

void print_text(const PretrainBenchmarkOptions& options, const PretrainBenchmark& result,
                const std::string& gemm, std::int64_t threads) {
  std::printf("%s\n%lld steps of %lld images on %lld %s, float32, %s matrix products\n\n",
              describe_cpu().c_str(), static_cast<long long>(options.steps),
              static_cast<long long>(options.batch_size), static_cast<long long>(threads),
              threads == 1 ? "thread" : "threads", gemm.c_str());
  std::printf("%-28s %10s\n", "CPU seconds a step", "");
  std::printf("  %-26s %10.3f\n", "forward", result.forward_cpu_seconds);
  std::printf("  %-26s %10.3f\n", "backward", result.backward_cpu_seconds);
  std::printf("  %-26s %10.3f\n", "optimizer", result.optimizer_cpu_seconds);
  std::printf("  %-26s %10.3f\n", "all", result.cpu_seconds_per_step());
  std::printf("%-28s %10.2f\n", "images a second", result.images_per_second);
  constexpr double kMega = 1e6;
  std::printf("%-28s %10.0f MB\n", "peak memory",
              static_cast<double>(result.peak_rss_bytes) / kMega);
}

class BenchPretrainCommand {
 public:
  explicit BenchPretrainCommand(CLI::App& command)
      : table_(command), model_(table_, name_, options_.model) {
    table_.group("Measurement");
    table_.add("batch_size", options_.batch_size, "Images of a step");
    table_.add("steps", options_.steps, "Training steps, all of them measured");
    table_.add("threads", threads_, "Threads that compute");
    table_.add("gemm", gemm_, "Matrix products: auto, aten or onednn");
    table_.add("precision", precision_, "fp32");
    table_.add("seed", options_.seed, "Of the model's weights");
    table_.add_command_line_only("json", json_, "Print JSON");
  }

  void run() {
    model_.resolve();
    validate(options_.model);
    require_positive("batch_size", options_.batch_size);
    require_positive("steps", options_.steps);
    require_positive("threads", threads_);
    if (precision_ != "fp32") throw UserError("--precision must be fp32, found " + precision_);
    if (gemm_ == "auto") gemm_ = to_string(default_gemm_backend(at::kFloat));
    set_gemm_backend(parse_gemm_backend(gemm_));
    at::set_num_threads(static_cast<int>(threads_));
    const PretrainBenchmark result = benchmark_pretrain(options_);
    (json_ ? print_json : print_text)(options_, result, gemm_, threads_);
  }

 private:
  static void require_positive(const char* name, std::int64_t value) {
    if (value >= 1) return;
    throw UserError(std::string("--") + name + " must be 1 or more, found " +
                    std::to_string(value));
  }

  std::string name_ = "base";
  PretrainBenchmarkOptions options_;
  std::int64_t threads_ = 1;
  std::string gemm_ = "auto";
  std::string precision_ = "fp32";
  bool json_ = false;
  OptionTable table_;
  ModelFlags model_;
};

}  // namespace

void add_bench(CLI::App& app) {
  CLI::App* const bench = app.add_subcommand("bench", "Measure what this program costs");
  bench->require_subcommand(1);
  CLI::App* const command =
      bench->add_subcommand("pretrain", "Training steps on random images, without their data");
  const auto state = std::make_shared<BenchPretrainCommand>(*command);
  command->callback([state] { state->run(); });
  add_bench_data(*bench);
}

}  // namespace convmae
