#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/convert_weights.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/output.h"
#include "convmae/io/atomic_file.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace convmae {
namespace {

struct ConvertOptions {
  std::string in;
  std::string out;
  std::string to;
  std::string layout;
  std::string dtype;
  bool encoder_only = false;
  bool no_optimizer = false;
  bool json = false;
};

bool is_pth_ending(const std::string& ending) {
  return ending == "pth" || ending == "pt" || ending == "bin" || ending == "ckpt";
}

/// By the flag, else by the ending of the file's name.
bool to_pth(const ConvertOptions& options) {
  const std::string extension = std::filesystem::path(options.out).extension().string();
  const std::string ending = extension.size() > 1 ? extension.substr(1) : "";
  if (!options.to.empty()) {
    const bool pth = options.to == "pth";
    // What opens such files goes by their names.
    if (pth ? ending == "safetensors" : is_pth_ending(ending)) {
      throw UserError("--to " + options.to + " contradicts the name " + quote(options.out) +
                      ": leave the flag out, or give a name that ends in ." + options.to);
    }
    return pth;
  }
  if (is_pth_ending(ending)) return true;
  if (ending == "safetensors") return false;
  throw UserError("cannot tell the kind of " + quote(options.out) +
                  " from its name: give --to pth or --to safetensors");
}

std::optional<DType> dtype_of(const std::string& name) {
  if (name.empty()) return std::nullopt;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
    if (name == torch_name(dtype)) return dtype;
  }
  throw UserError("no element type for weights is named " + quote(name) +
                  ": choose float32, float16, bfloat16 or float64");
}

/// " (4 of model_ema, 2 of teacher, ...)", or nothing.
std::string entries_text(const std::vector<WeightFile::Other>& entries) {
  constexpr std::size_t kMostNames = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(entries.size(), kMostNames); ++i) {
    text += text.empty() ? " (" : ", ";
    text += std::to_string(entries[i].tensors) + " of " + brief(entries[i].name);
  }
  if (entries.size() > kMostNames) text += ", ...";
  return text.empty() ? "" : text + ")";
}

void run(const ConvertOptions& options) {
  ConversionOptions conversion;
  conversion.to_pth = to_pth(options);
  if (!options.layout.empty()) conversion.layout = parse_weight_layout(options.layout);
  conversion.encoder_only = options.encoder_only;
  conversion.dtype = dtype_of(options.dtype);
  conversion.optimizer = !options.no_optimizer;
  require_writable(options.out);
  const ConversionReport report = convert_weights(options.in, options.out, conversion);
  if (options.json) {
    nlohmann::ordered_json entries = nlohmann::ordered_json::object();
    for (const auto& [name, tensors] : report.entries_left_out) entries[name] = tensors;
    print_json({{"file", options.out},
                {"weights", report.written},
                {"left_out", report.left_out},
                {"entries_left_out", std::move(entries)},
                {"optimizer_states", report.optimizer_states}});
    return;
  }
  std::printf("%s: %lld weights, %lld left out%s", printable(options.out).c_str(),
              static_cast<long long>(report.written), static_cast<long long>(report.left_out),
              entries_text(report.entries_left_out).c_str());
  if (report.optimizer_states > 0) {
    std::printf(", the optimizer's state of %lld parameters",
                static_cast<long long>(report.optimizer_states));
  }
  if (report.optimizer_left_out) std::printf(", without the optimizer's state");
  std::printf("\n");
}

}  // namespace

void add_convert(CLI::App& app) {
  CLI::App* const command = app.add_subcommand(
      "convert", "Convert weights between .pth and safetensors, and rename them");
  const auto options = std::make_shared<ConvertOptions>();
  command->add_option("in", options->in, "File of weights, .pth or safetensors")->required();
  command->add_option("out", options->out, "File to write")->required();
  command->add_option("--to", options->to, "pth or safetensors [by the name of the file]")
      ->check(CLI::IsMember({"pth", "safetensors"}));
  command->add_flag("--encoder_only", options->encoder_only, "Leave out decoder and heads");
  command->add_option("--layout", options->layout,
                      "Names as in convmae, timm, mmseg, detectron2 or vitmae: Hugging Face's "
                      "ViTMAE, with config.json beside the file [as they are]");
  command->add_option("--dtype", options->dtype,
                      "float32, float16, bfloat16 or float64 [as they are]");
  command->add_flag("--no_optimizer", options->no_optimizer, "Leave out the optimizer's state");
  add_json(*command, options->json);
  add_example(*command, "convmae convert published.pth weights.safetensors");
  command->callback([options] { run(*options); });
}

}  // namespace convmae
