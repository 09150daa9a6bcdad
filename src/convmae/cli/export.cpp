#include "convmae/base/quote.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/output.h"
#include "convmae/cli/validators.h"
#include "convmae/export/onnx_export.h"
#include "convmae/io/atomic_file.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace convmae {
namespace {

struct ExportCommand {
  std::string checkpoint;
  std::string out;
  OnnxExportOptions options;
  bool json = false;
};

nlohmann::ordered_json json_of(const std::vector<OnnxValue>& values) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const OnnxValue& value : values) {
    nlohmann::ordered_json& shape = json[value.name] = nlohmann::ordered_json::array();
    for (const OnnxSide& side : value.shape) {
      std::visit([&shape](const auto& length) { shape.push_back(length); }, side);
    }
  }
  return json;
}

/// "stage1 [batch, 256, 56, 56], ..."
std::string text_of(const std::vector<OnnxValue>& values) {
  std::string text;
  for (const OnnxValue& value : values) {
    text += (text.empty() ? "" : ", ") + value.name + " [";
    for (std::size_t i = 0; i < value.shape.size(); ++i) {
      const auto* const length = std::get_if<std::int64_t>(&value.shape[i]);
      text += (i == 0 ? "" : ", ") +
              (length != nullptr ? std::to_string(*length) : std::get<std::string>(value.shape[i]));
    }
    text += "]";
  }
  return text;
}

void print(const ExportCommand& command, const OnnxExport& written) {
  const std::string data = written.files.size() > 1 ? written.files[1].string() : "";
  if (command.json) {
    print_json({{"file", command.out},
                {"data", data.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(data)},
                {"task", written.task},
                {"opset", command.options.opset},
                {"inputs", json_of(written.inputs)},
                {"outputs", json_of(written.outputs)}});
    return;
  }
  std::printf("%s: %s\n  in:  %s\n  out: %s\n", printable(command.out).c_str(),
              written.task.c_str(), text_of(written.inputs).c_str(),
              text_of(written.outputs).c_str());
  if (!data.empty()) {
    std::printf("  its weights are in %s, which must stay beside it\n", printable(data).c_str());
  }
}

void run(const ExportCommand& command) {
  require_ending(command.out, {".onnx"}, "export writes an ONNX model");
  require_writable(command.out);
  print(command, export_onnx(command.checkpoint, command.out, command.options));
}

}  // namespace

void add_export(CLI::App& app) {
  CLI::App* const command =
      app.add_subcommand("export", "Write a network as an ONNX model, which other programs run");
  const auto state = std::make_shared<ExportCommand>();
  OnnxExportOptions& options = state->options;
  command
      ->add_option("file", state->checkpoint,
                   "Weights of a classifier, a segmentor or an encoder, or the directory of a run")
      ->required();
  command->add_option("out", state->out, "NAME.onnx")->required();
  command->add_flag("--features", options.features,
                    "The encoder's maps in place of what the head says");
  command->add_flag("--pixels", options.pixels,
                    "Takes 8-bit pixels [batch, height, width, channels] and normalises them");
  command->add_flag("--dynamic_size", options.dynamic_size,
                    "Takes images of any size that the strides divide");
  numbers_of<std::int64_t>(
      command->add_option("--opset", options.opset, "Version of the operators: 17 or 20"))
      ->check(CLI::IsMember({17, 20}))
      ->capture_default_str();
  add_json(*command, state->json);
  add_example(*command, "convmae export weights.safetensors encoder.onnx --features");
  command->callback([state] { run(*state); });
}

}  // namespace convmae
