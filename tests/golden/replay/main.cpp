// convmae_golden [FLAGS] DIR: replays golden files of the published code and compares.

#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/read_file.h"
#include "convmae/base/standard_streams.h"
#include "convmae/io/atomic_file.h"
#include "convmae/ops/device.h"
#include "convmae/ops/gemm_policy.h"

#include <c10/util/Exception.h>

#include "golden/replay/compare.h"
#include "golden/replay/replay_coco.h"
#include "golden/replay/replay_pth.h"
#include "golden/replay/replays.h"
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>

namespace fs = std::filesystem;

namespace convmae::golden {
namespace {

struct Kind {
  const char* prefix = nullptr;
  Replay (*replay)(const GoldenFile&) = nullptr;
  bool of_models = true;  ///< and so computed on the device that is asked for
};

// The first prefix of a file's name that fits decides.
constexpr std::array kKinds{Kind{"convmae_pretrain", replay_pretrain},
                            Kind{"convmae_ablation", replay_pretrain},
                            Kind{"fastconvmae", replay_pretrain},
                            Kind{"mae_pretrain", replay_pretrain},
                            Kind{"convmae_train", replay_train},
                            Kind{"sincos", replay_sincos, false},
                            Kind{"data_geometry", replay_data_geometry, false},
                            Kind{"data_randaugment", replay_data_randaugment, false},
                            Kind{"data_mixing", replay_data_mixing, false},
                            Kind{"convvit_finetune", replay_finetune},
                            Kind{"mae_vit_finetune", replay_finetune},
                            Kind{"convvit_train", replay_finetune_steps},
                            Kind{"convvit_linprobe", replay_linprobe},
                            Kind{"pos_resize", replay_pos_resize, false},
                            Kind{"seg_backbone", replay_seg_backbone},
                            Kind{"det_alpha", replay_det_alpha},
                            Kind{"det_official", replay_det_official},
                            Kind{"det_transforms", replay_det_transforms, false},
                            Kind{"seg_transforms", replay_seg_transforms, false},
                            Kind{"det_ops", replay_det_ops, false},
                            Kind{"det_maskrcnn", replay_detector},
                            Kind{"seg_upernet", replay_seg_upernet},
                            Kind{"seg_slide", replay_seg_slide}};

/// Kinds that are JSON files.
struct JsonKind {
  const char* prefix;
  Replay (*replay)(const Json&);
};

constexpr std::array kJsonKinds{JsonKind{"lr_schedule", replay_lr_schedule},
                                JsonKind{"layer_decay_convvit", replay_layer_decay},
                                JsonKind{"keys_models", replay_model_keys},
                                JsonKind{"keys_det_", replay_detector_keys},
                                JsonKind{"layer_decay_seg", replay_segmentor_layer_decay},
                                JsonKind{"keys_seg", replay_segmentor_keys}};

template <typename Kinds>
auto find_kind(const Kinds& kinds, const std::string& name) {
  return std::ranges::find_if(kinds,
                              [&](const auto& kind) { return name.starts_with(kind.prefix); });
}

/// What computes the files of models.
struct Arithmetic {
  GemmPolicy gemm;
  c10::Device device = c10::kCPU;
};

struct Tally {
  int agree = 0;
  int miss = 0;
  int without_results = 0;
  int skipped = 0;
};

void print_verdict(const std::string& name, const Verdict& verdict, Tally& tally) {
  if (verdict.nothing()) {
    ++tally.without_results;
    std::printf("none  %-44sholds no results to compare with\n", name.c_str());
    return;
  }
  ++(verdict.agrees() ? tally.agree : tally.miss);
  std::printf("%s  %-44s%5lld compared", verdict.agrees() ? "ok  " : "MISS", name.c_str(),
              static_cast<long long>(verdict.compared));
  if (verdict.compared > 0) {
    std::printf(", worst %.3f of the tolerance in %s", verdict.worst, verdict.worst_name.c_str());
  }
  if (!verdict.missing.empty()) {
    std::printf(", %zu not computed (%s)", verdict.missing.size(), verdict.missing.front().c_str());
  }
  if (!verdict.extra.empty()) {
    std::printf(", %zu too many (%s)", verdict.extra.size(), verdict.extra.front().c_str());
  }
  std::printf("\n");
  std::fflush(stdout);
}

void dump(const fs::path& path, const Tensors& tensors,
          const std::map<std::string, std::string>& metadata) {
  std::vector<at::Tensor> alive;
  std::vector<TensorView> views;
  for (const auto& [key, tensor] : tensors) {
    const at::Tensor& own = alive.emplace_back(tensor.detach().cpu().contiguous());
    const auto bytes = static_cast<std::size_t>(own.numel()) * own.element_size();
    views.push_back({key,
                     own.scalar_type() == at::kByte ? DType::u8 : DType::f32,
                     own.sizes().vec(),
                     {static_cast<const std::byte*>(own.const_data_ptr()), bytes}});
  }
  write_safetensors(path, views, metadata);
}

void dump(const fs::path& directory, const std::string& name, const Replay& replay) {
  if (replay.numbers) {
    write_file_atomically(directory / (name + ".json"), json_text(*replay.numbers, 1) + "\n");
  } else {
    dump(directory / (name + ".safetensors"), replay.tensors, {{"case", name}});
  }
}

Json read_json(const fs::path& path) {
  constexpr FileKind kJson{"a JSON file", std::int64_t{1} << 28};
  return Json::parse(read_text_file(path, kJson), nullptr, /*allow_exceptions=*/false);
}

void run_file(const fs::path& path, const Arithmetic& arithmetic,
              const std::optional<fs::path>& out, Tally& tally) {
  const std::string name = path.stem().string();
  Replay replay;
  Verdict verdict;
  const auto* const json_kind = find_kind(kJsonKinds, name);
  if (path.extension() == ".json" && json_kind != kJsonKinds.end()) {
    const Json golden = read_json(path);
    if (!golden.is_object()) throw UserError(path.string() + " is not a JSON object");
    replay = json_kind->replay(golden);
    verdict = compare(golden, replay);
  } else {
    const auto* const kind = find_kind(kKinds, name);
    if (path.extension() != ".safetensors" || kind == kKinds.end()) {
      std::printf("skip  %-44sa kind that this version does not compute\n", name.c_str());
      ++tally.skipped;
      return;
    }
    const GoldenFile file(path, arithmetic.gemm,
                          kind->of_models ? arithmetic.device : c10::Device(c10::kCPU));
    replay = kind->replay(file);
    verdict = compare(file, replay);
  }
  print_verdict(name, verdict, tally);
  if (out) dump(*out, name, replay);
}

void run_pth(const fs::path& path, const std::optional<fs::path>& out, Tally& tally) {
  const std::string name = path.stem().string();
  const PthReplay replay = replay_pth(path);
  if (out) {
    dump(*out / "pth" / (name + ".expected.safetensors"), replay.tensors,
         {{"case", "pth"},
          {"file", path.filename().string()},
          {"layout", json_text(replay.layout)},
          {"leaves", json_text(replay.leaves)}});
  }
  const fs::path expected = path.parent_path() / (name + ".expected.safetensors");
  print_verdict("pth/" + name, fs::exists(expected) ? compare(expected, replay) : Verdict{}, tally);
}

void run_bad_pth(const fs::path& path, const std::optional<fs::path>& /*out*/, Tally& tally) {
  const std::string name = path.filename().string();
  const Json manifest = read_json(path.parent_path() / "manifest.json");
  if (!manifest.is_object() || !manifest.contains(name)) {
    throw UserError("manifest.json does not tell what must become of it");
  }
  print_verdict("pth_bad/" + name, check_bad_pth(path, manifest.at(name)), tally);
}

/// What is compared with a JSON file that may not be there: the results were taken out for --dump.
void finish_coco(const std::string& name, const fs::path& expected, const Replay& replay,
                 const std::optional<fs::path>& out, Tally& tally) {
  const bool comparable = replay.numbers && fs::exists(expected);
  print_verdict(name, comparable ? compare(read_json(expected), replay) : Verdict{}, tally);
  if (!out || !replay.numbers) return;
  fs::create_directories((*out / name).parent_path());
  dump((*out / name).parent_path(), expected.stem().string(), replay);
}

void run_coco_eval(const fs::path& path, const std::optional<fs::path>& out, Tally& tally) {
  const std::string name = path.stem().stem().string();
  finish_coco("coco_eval/" + name, path.parent_path() / (name + ".expected.json"),
              replay_coco_eval(path), out, tally);
}

void run_coco_load(const fs::path& path, const std::optional<fs::path>& out, Tally& tally) {
  const std::string name = path.stem().string();
  if (name.starts_with("results_")) {
    finish_coco("coco_load/" + name, path, replay_coco_results(path, read_json(path)), out, tally);
  } else if (name == "instances") {
    finish_coco("coco_load/" + name, path.parent_path() / "expected.json", replay_coco_load(path),
                out, tally);
  }
}

using Runner = std::function<void(const fs::path&, const std::optional<fs::path>&, Tally&)>;

/// A file and what replays it.
struct Job {
  fs::path path;
  Runner run;
};

/// Files of a directory with one of the endings, by name; none if there is no such directory.
void add_jobs(const fs::path& directory, const std::vector<std::string>& endings, const Runner& run,
              std::vector<Job>& jobs) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    const bool fits = std::ranges::any_of(
        endings, [&](const std::string& ending) { return name.ends_with(ending); });
    if (entry.is_regular_file() && name != "MANIFEST.json" && fits) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  for (fs::path& file : files) jobs.push_back({std::move(file), run});
}

int run(const fs::path& directory, const std::optional<fs::path>& out,
        const Arithmetic& arithmetic) {
  std::error_code error;
  const fs::directory_iterator listing(directory, error);
  if (error) throw UserError("cannot list " + directory.string() + ": " + error.message());
  std::vector<Job> jobs;
  const auto run_one = [&arithmetic](const fs::path& path, const std::optional<fs::path>& to,
                                     Tally& tally) { run_file(path, arithmetic, to, tally); };
  add_jobs(directory, {".safetensors", ".json"}, run_one, jobs);
  add_jobs(directory / "pth", {".pth"}, run_pth, jobs);
  add_jobs(directory / "pth_bad", {".pth"}, run_bad_pth, jobs);
  add_jobs(directory / "coco_eval", {".gt.json"}, run_coco_eval, jobs);
  add_jobs(directory / "coco_load", {".json"}, run_coco_load, jobs);
  if (jobs.empty()) throw UserError("no golden files in " + directory.string());
  if (out) fs::create_directories(*out / "pth");

  Tally tally;
  for (const Job& job : jobs) {
    const auto miss = [&](const char* message) {
      ++tally.miss;
      std::printf("MISS  %-44s%s\n", job.path.stem().c_str(), message);
    };
    try {
      job.run(job.path, out, tally);
    } catch (const c10::Error& e) {
      miss(e.what_without_backtrace());
    } catch (const std::exception& e) {
      miss(e.what());
    }
  }
  std::printf("%d agree, %d miss, %d without results, %d skipped\n", tally.agree, tally.miss,
              tally.without_results, tally.skipped);
  // Files of inputs alone are for --dump. A run that compared nothing has shown nothing.
  const bool done =
      out ? tally.agree + tally.without_results > 0 : tally.agree > 0 && tally.without_results == 0;
  return tally.miss == 0 && done ? 0 : 1;
}

struct Arguments {
  fs::path directory;
  std::optional<fs::path> out;
  Arithmetic arithmetic;
};

constexpr const char* kUsage =
    "usage: convmae_golden [--dump OUT] [--gemm aten|onednn|native] [--device auto|cpu|cuda] DIR\n";

/// Nothing if they are not what the usage says.
std::optional<Arguments> parse(std::vector<std::string> words) {
  Arguments arguments;
  while (words.size() > 2) {
    if (words[0] == "--dump") {
      arguments.out = words[1];
    } else if (words[0] == "--gemm") {
      arguments.arithmetic.gemm = GemmPolicy(parse_gemm_backend(words[1]));
    } else if (words[0] == "--device") {
      arguments.arithmetic.device = parse_device(words[1]);
    } else {
      return std::nullopt;
    }
    words.erase(words.begin(), words.begin() + 2);
  }
  if (words.size() != 1 || words[0].starts_with("-")) return std::nullopt;
  arguments.directory = words[0];
  return arguments;
}

}  // namespace
}  // namespace convmae::golden

int main(int argc, char** argv) {
  convmae::hold_standard_streams();
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words == std::vector<std::string>{"--help"}) {
      std::cout
          << convmae::golden::kUsage
          << "Replays the golden files of the published code in DIR and prints a line per file\n"
             "with the worst error. --dump writes what was computed to OUT; --gemm overrules the\n"
             "backend of matrix products; --device is where models compute. Exits 1 on a miss,\n"
             "and if nothing was compared that should be.\n";
      return convmae::deliver_standard_output() ? 0 : convmae::kReaderGoneCode;
    }
    const auto arguments = convmae::golden::parse(words);
    if (!arguments) {
      std::cerr << convmae::golden::kUsage;
      return 2;
    }
    convmae::use_device(arguments->arithmetic.device);
    const int code =
        convmae::golden::run(arguments->directory, arguments->out, arguments->arithmetic);
    return convmae::deliver_standard_output() || code != 0 ? code : convmae::kReaderGoneCode;
  } catch (const std::exception& e) {
    std::cerr << "convmae_golden: error: " << e.what() << "\n";
    return 2;
  }
}
