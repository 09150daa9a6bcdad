#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/benchmark/gemm_rates.h"
#include "convmae/benchmark/step_benchmark.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/model_flags.h"
#include "convmae/cli/option_table.h"
#include "convmae/cli/output.h"
#include "convmae/detect/detector_config.h"
#include "convmae/ops/cpu_features.h"
#include "convmae/segment/segmentor_config.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {
namespace {

std::string kind_name(ops::GemmShape::Kind kind) {
  switch (kind) {
    case ops::GemmShape::Kind::forward:
      return "forward";
    case ops::GemmShape::Kind::input_gradient:
      return "input gradient";
    case ops::GemmShape::Kind::weight_gradient:
      break;
  }
  return "weight gradient";
}

/// Everything that one run of the command measured.
struct Report {
  StepBenchmarkOptions options;
  ComputeOptions compute{.threads = 1};
  StepBenchmark result;
  std::vector<GemmRate> gemms;  ///< empty if not asked for

  /// CPU seconds that the step's GEMMs alone take, each at its best rate.
  double limit_seconds() const {
    double sum = 0;
    for (const GemmRate& gemm : gemms) sum += gemm.seconds_at_best();
    return sum;
  }
  double gemm_gflops() const { return result.gemm_flops() / result.cost.total() / 1e9; }
  double gemm_share() const { return limit_seconds() / result.cost.total(); }
  /// The same with at::linear alone, over that limit.
  double aten_ratio() const {
    double sum = 0;
    for (const GemmRate& gemm : gemms) sum += gemm.seconds_with_aten();
    return sum / limit_seconds();
  }
  bool trains() const { return options.task != BenchmarkTask::inference; }
  /// The heads of a dense task are made of convolutions, which are no products that are counted.
  bool is_dense() const {
    return options.task == BenchmarkTask::detect || options.task == BenchmarkTask::segment;
  }
  std::string config() const {
    if (options.task == BenchmarkTask::detect) return to_json(options.detector);
    if (options.task == BenchmarkTask::segment) return to_json(options.segmentor);
    return to_json(options.model);
  }
};

/// Shapes always, rates where they were measured.
void add_products(const Report& report, nlohmann::ordered_json& json) {
  if (!report.gemms.empty()) {
    json["gemm_limit_cpu_seconds"] = report.limit_seconds();
    json["gemm_share"] = report.gemm_share();
    json["gemm_aten_ratio"] = report.aten_ratio();
  }
  if (report.is_dense()) return;
  for (const auto& [shape, calls] : report.result.gemms) {
    json["products"].push_back({{"kind", kind_name(shape.kind)},
                                {"rows", shape.rows},
                                {"in", shape.in},
                                {"out", shape.out},
                                {"calls", calls}});
  }
  for (std::size_t i = 0; i < report.gemms.size(); ++i) {  // in the same order
    const GemmRate& gemm = report.gemms[i];
    json["products"][i]["aten_gflops"] = gemm.aten_gflops;
    json["products"][i]["onednn_gflops"] = gemm.onednn_gflops;
    if (gemm.native_gflops) json["products"][i]["native_gflops"] = *gemm.native_gflops;
  }
}

void print_as_json(const Report& report) {
  const StepBenchmark& result = report.result;
  nlohmann::ordered_json json;
  json["config"] = nlohmann::ordered_json::parse(report.config());
  json["batch_size"] = report.options.batch_size;
  json["steps"] = report.options.steps;
  json["device"] = report.compute.device;
  json["threads"] = report.compute.threads;
  json["gemm"] = report.compute.gemm;
  json["precision"] = report.compute.precision;
  json["kernel"] = report.compute.kernel;
  json["cpu"] = describe_cpu();
  json["cpu_seconds_per_step"] = result.cost.total();
  json["forward_cpu_seconds"] = result.cost.forward;
  json["backward_cpu_seconds"] = result.cost.backward;
  json["optimizer_cpu_seconds"] = result.cost.optimizer;
  json["wall_seconds_per_step"] = result.wall_seconds;
  json["images_per_second"] = result.images_per_second;
  if (!report.is_dense()) json["gemm_gflops"] = report.gemm_gflops();
  if (report.trains()) json["activation_bytes_per_image"] = result.activation_bytes_per_image;
  json["peak_rss_bytes"] = result.peak_rss_bytes;
  if (result.peak_device_bytes) json["peak_device_bytes"] = *result.peak_device_bytes;
  add_products(report, json);
  for (const KernelTime& kernel : result.kernels) {
    json["kernels"].push_back(
        {{"name", kernel.name}, {"calls", kernel.calls}, {"seconds", kernel.seconds}});
  }
  if (result.dense_cost) {
    json["dense_cpu_seconds_per_step"] = result.dense_cost->total();
    json["dense_ratio"] = result.dense_cost->total() / result.cost.total();
  }
  print_json(json);
}

std::string rounded(double number) { return std::to_string(std::llround(number)); }

void print_gemms(const Report& report) {
  std::printf("\n%-17s %7s %6s %6s %6s %8s %8s %8s\n", "matrix products", "rows", "in", "out",
              "calls", "aten", "onednn", "native");
  for (const GemmRate& gemm : report.gemms) {
    std::printf("  %-15s %7lld %6lld %6lld %6lld %8.0f %8.0f %8s  GFLOP/s\n",
                kind_name(gemm.shape.kind).c_str(), static_cast<long long>(gemm.shape.rows),
                static_cast<long long>(gemm.shape.in), static_cast<long long>(gemm.shape.out),
                static_cast<long long>(gemm.calls), gemm.aten_gflops, gemm.onednn_gflops,
                gemm.native_gflops ? rounded(*gemm.native_gflops).c_str() : "-");
  }
  constexpr double kPercent = 100;
  std::printf("%-28s %10.3f\n", "products alone, at best", report.limit_seconds());
  std::printf("%-28s %8.0f %%\n", "  share of a step", kPercent * report.gemm_share());
  std::printf("%-28s %10.2f times as much\n", "  all of them by at::linear", report.aten_ratio());
}

/// Without what most names of kernels and of operators' nodes begin with.
std::string brief_name(std::string name) {
  for (const std::string_view part :
       {"void ", "torch::autograd::CppNode<", "convmae::ops::",
        "autograd::engine::evaluate_function: ", "at::native::", "(anonymous namespace)::"}) {
    for (auto at = name.find(part); at != std::string::npos; at = name.find(part)) {
      name.erase(at, part.size());
    }
  }
  return name;
}

void print_kernels(const Report& report) {
  constexpr std::size_t kLongest = 25;
  constexpr double kMilli = 1e3;
  std::printf("\n%-60s %7s %9s\n", report.options.compute.device.is_cpu() ? "operators" : "kernels",
              "calls", "ms");
  double rest = 0;
  std::int64_t rest_calls = 0;
  for (std::size_t i = 0; i < report.result.kernels.size(); ++i) {
    const KernelTime& kernel = report.result.kernels[i];
    if (i < kLongest) {
      std::printf("  %-58.58s %7lld %9.3f\n", brief_name(kernel.name).c_str(),
                  static_cast<long long>(kernel.calls), kMilli * kernel.seconds);
    } else {
      rest += kernel.seconds;
      rest_calls += kernel.calls;
    }
  }
  std::printf("  %-58s %7lld %9.3f\n", "all others", static_cast<long long>(rest_calls),
              kMilli * rest);
}

void print_text(const Report& report) {
  constexpr double kMega = 1e6;
  const StepBenchmark& result = report.result;
  const long long threads = report.compute.threads;
  std::printf("%s\n%lld steps of %lld images on %lld %s, %s, %s matrix products\n\n",
              describe_cpu().c_str(), static_cast<long long>(report.options.steps),
              static_cast<long long>(report.options.batch_size), threads,
              threads == 1 ? "thread" : "threads", report.compute.precision.c_str(),
              report.compute.gemm.c_str());
  std::printf("%-28s\n", "CPU seconds a step");
  std::printf("  %-26s %10.3f\n", "forward", result.cost.forward);
  if (report.trains()) {
    std::printf("  %-26s %10.3f\n", "backward", result.cost.backward);
    std::printf("  %-26s %10.3f\n", "optimizer", result.cost.optimizer);
    std::printf("  %-26s %10.3f\n", "all", result.cost.total());
  }
  if (result.dense_cost) {
    std::printf("  %-26s %10.3f, %.2f times as much\n", "dense formulation, in turn",
                result.dense_cost->total(), result.dense_cost->total() / result.cost.total());
  }
  std::printf("%-28s %10.2f\n", "images a second", result.images_per_second);
  if (!report.is_dense()) {
    std::printf("%-28s %10.0f of matrix products a CPU second\n", "GFLOP", report.gemm_gflops());
  }
  if (report.trains()) {
    std::printf("%-28s %10.1f MB an image\n", "kept for the backward pass",
                result.activation_bytes_per_image / kMega);
  }
  std::printf("%-28s %10.0f MB\n", "peak memory",
              static_cast<double>(result.peak_rss_bytes) / kMega);
  if (result.peak_device_bytes) {
    std::printf("%-28s %10.0f MB\n", "  on the device",
                static_cast<double>(*result.peak_device_bytes) / kMega);
  }
  if (!report.gemms.empty()) print_gemms(report);
  if (!result.kernels.empty()) print_kernels(report);
}

void require_positive(const char* name, std::int64_t value) {
  if (value >= 1) return;
  throw UserError(std::string("--") + name + " must be 1 or more, found " + std::to_string(value));
}

class BenchStepCommand {
 public:
  BenchStepCommand(CLI::App& command, BenchmarkTask task)
      : table_(command),
        model_(table_, name_, report_.options.model,
               task == BenchmarkTask::pretrain ? ModelFlags::Part::pretraining
                                               : ModelFlags::Part::encoder) {
    report_.options.task = task;
    table_.group("Measurement");
    table_.add("batch_size", report_.options.batch_size, "Images of a step");
    table_.add("steps", report_.options.steps, "Steps that are measured, after a first one");
    table_.add("threads", report_.compute.threads, "Threads that compute");
    table_.add("gemm", report_.compute.gemm, "Matrix products: auto, aten, onednn or native");
    table_.add("device", report_.compute.device, "auto, cpu, cuda or cuda:NUMBER");
    table_.add("precision", report_.compute.precision,
               "fp32, bf16 where the CPU has it, or fast: bf16 if it has; auto: bf16 on a GPU");
    table_.add("kernel", report_.compute.kernel,
               "own, or reference: the library's operators in place of ours");
    table_.add("seed", report_.options.seed, "Of the model's weights");
    if (task == BenchmarkTask::pretrain) {
      table_.add("against", against_, "dense: the published dense formulation, in turn with ours");
    } else {
      table_.add("num_classes", report_.options.num_classes, "Classes to tell apart");
      classes_ = command.get_option("--num_classes");
    }
    if (task == BenchmarkTask::detect) {
      table_.add("detector", detector_, "alpha, of the paper's repository, or official");
      table_.add("backbone_alone", report_.options.backbone_alone,
                 "Encoder and pyramid without proposals and heads");
      table_.add("recompute", report_.options.recompute,
                 "Keep no activations of the encoder: less memory for more time");
    }
    if (!report_.is_dense()) {
      table_.add("products", gemms_, "Measure every matrix product of a step on each backend");
    }
    table_.add("profile", report_.options.profile,
               "List the kernels of one more step, on the CPU its operators");
    table_.add_command_line_only("json", json_, "Print JSON");
  }

  void run() {
    StepBenchmarkOptions& options = report_.options;
    model_.resolve();
    if (options.task == BenchmarkTask::detect) {
      options.detector = detector_preset(detector_, name_);
      adopt_flags(options.detector);
    } else if (options.task == BenchmarkTask::segment) {
      options.segmentor = segmentor_preset(name_);
      adopt_flags(options.segmentor);
    } else {
      validate(options.model);
      require_positive("num_classes", options.num_classes);
    }
    require_positive("batch_size", options.batch_size);
    require_positive("steps", options.steps);
    require_positive("threads", report_.compute.threads);
    resolve_compute(report_.compute);
    choose_opponent();
    options.compute = start_compute(report_.compute);
    report_.result = benchmark_steps(options);
    // The rates are those of a CPU's backends.
    gemms_ = gemms_ && !report_.is_dense() && options.compute.device.is_cpu();
    if (gemms_) report_.gemms = measure_gemms(report_.result.gemms);
    if (json_) {
      print_as_json(report_);
    } else {
      print_text(report_);
    }
  }

 private:
  /// What flags say of the configuration of a dense task; the rest is as published.
  template <typename Config>
  void adopt_flags(Config& config) const {
    model_.adopt_encoder(config);
    if (classes_->count() != 0) config.num_classes = report_.options.num_classes;
    validate(config);
  }

  void choose_opponent() {
    if (against_.empty()) return;
    if (against_ != "dense") throw UserError("--against must be dense, found " + quote(against_));
    StepBenchmarkOptions& options = report_.options;
    if (options.model.method != Method::convmae || options.model.masking.unit != MaskUnit::block ||
        report_.compute.precision != "fp32") {
      throw UserError(
          "--against dense is there for --method convmae with block-wise masks in fp32 alone");
    }
    options.against_dense = true;
  }

  std::string name_ = "base";
  Report report_;
  std::string detector_ = "alpha";
  CLI::Option* classes_ = nullptr;
  std::string against_;
  bool gemms_ = true;
  bool json_ = false;
  OptionTable table_;
  ModelFlags model_;
};

}  // namespace

void add_bench_steps(CLI::App& bench) {
  const auto add = [&bench](const std::string& name, const std::string& description,
                            BenchmarkTask task, const std::string& sizes = "") {
    CLI::App& command = add_command<BenchStepCommand>(bench, name, description, task);
    add_example(command,
                "convmae bench " + name + " --model nano" + sizes + " --batch_size 2 --steps 2");
  };
  add("pretrain", "Pretraining steps on random images, without their data",
      BenchmarkTask::pretrain);
  add("finetune", "Fine-tuning steps of a classifier on random images", BenchmarkTask::finetune);
  add("inference", "A classifier's answers for random images", BenchmarkTask::inference);
  add("detect", "Steps of a detector on random images with seven objects each",
      BenchmarkTask::detect, " --input_size 256");
  add("segment", "Steps of a segmentor on random images", BenchmarkTask::segment,
      " --input_size 128");
}

}  // namespace convmae
