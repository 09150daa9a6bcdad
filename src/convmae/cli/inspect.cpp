#include "convmae/base/error.h"
#include "convmae/base/json_text.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/published_notes.h"
#include "convmae/checkpoint/weight_layout.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/cli/command_line.h"
#include "convmae/cli/help.h"
#include "convmae/cli/output.h"
#include "convmae/io/sha256.h"
#include "convmae/io/value_json.h"
#include "convmae/io/weights.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convmae {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostEntries = 1000;

/// The metadata of a safetensors file; what this program writes there is JSON itself.
Json metadata_json(const WeightFile& file) {
  Json json = Json::object();
  for (const auto& [key, text] : file.metadata()) {
    if (json.size() == kMostEntries) break;
    if (key == kOrderKey) continue;  // thousands of names
    const Json parsed =
        key.starts_with("convmae.") ? parse_shallow_json(text) : Json(Json::value_t::discarded);
    json[shortened(key)] =
        parsed.is_structured() || parsed.is_number() ? parsed : Json(shortened(text));
  }
  return json;
}

Json epoch_json(const WeightFile& file, const Json& metadata) {
  if (const std::optional<std::int64_t> epoch = published_epoch(file)) return *epoch;
  const auto provenance = metadata.find("convmae.provenance");
  if (provenance == metadata.end() || !provenance->is_object()) return nullptr;
  return provenance->value("epoch", Json());
}

bool is_parameter(const Weight& weight) {
  switch (weight.tensor.dtype) {
    case DType::f64:
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      return !weight.name.ends_with("running_mean") && !weight.name.ends_with("running_var");
    default:
      return false;
  }
}

Json weights_json(const WeightFile& file) {
  std::int64_t parameters = 0;
  std::size_t tensors = 0;
  Json dtypes = Json::object();
  for (const Weight& weight : file.weights()) {
    if (is_parameter(weight)) parameters += weight.tensor.numel();
    const std::size_t stored = std::max<std::size_t>(weight.parts.size(), 1);
    tensors += stored;
    Json& count = dtypes[std::string(torch_name(weight.tensor.dtype))];
    count = count.is_null() ? stored : count.get<std::size_t>() + stored;
  }
  Json others = Json::object();
  for (const WeightFile::Other& entry : file.others()) {
    if (others.size() == kMostEntries) break;
    others[shortened(entry.name)] = entry.tensors;
  }
  return {{"location", shortened(file.location())},
          {"stripped_prefix", shortened(file.stripped_prefix())},
          {"other_tensors", others},
          {"tensors", tensors},
          {"parameters", parameters},
          {"dtypes", dtypes}};
}

template <typename T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

/// The method of pretraining. ConvMAE and FastConvMAE have the same weights: only what else is in
/// the file can tell them apart.
Json method_json(const WeightFile& file, const Architecture& architecture) {
  try {
    if (const auto info = described_by_itself(file)) return to_string(info->model.method);
  } catch (const UserError&) {
    return nullptr;  // what the file says is shown below
  }
  if (architecture.encoder == EncoderKind::vit) return to_string(Method::mae);
  const Json arguments = training_arguments(file);
  const Json model = arguments.is_object() ? arguments.value("model", Json()) : Json();
  if (model.is_string()) {
    for (const Method method : {Method::convmae, Method::fastconvmae}) {
      if (model.get_ref<const std::string&>().starts_with(to_string(method))) {
        return to_string(method);
      }
    }
  }
  return "convmae or fastconvmae, whose weights look alike";
}

Json architecture_json(const WeightFile& file) {
  const std::optional<Architecture> found = architecture_of(file);
  if (!found) return nullptr;
  const bool vit = found->encoder == EncoderKind::vit;
  Json json{{"encoder", vit ? "mae" : "convmae"},
            {"names", file.is_vitmae() ? "vitmae" : "published"},
            {"method", method_json(file, *found)},
            {"model", found->preset.empty() ? Json() : Json(found->preset)},
            {"prefix", shortened(found->prefix)},
            {"in_chans", found->in_chans},
            {"patch_size", found->patch_size},
            {"embed_dim", found->embed_dim},
            {"depth", found->depth},
            {"mlp_ratio", found->mlp_ratio},
            {"kernel_size", found->kernel_size},
            {"num_heads", optional_json(found->num_heads)},
            {"positions", optional_json(found->positions)},
            {"class_token", found->class_token},
            {"fusion", found->fusion},
            {"relative_position", found->relative_position},
            {"layer_scale", found->layer_scale},
            {"decoder", nullptr},
            {"heads", found->heads}};
  if (found->decoder) {
    json["decoder"] = {{"embed_dim", found->decoder->dim},
                       {"depth", found->decoder->depth},
                       {"mlp_ratio", found->decoder->mlp_ratio}};
  }
  return json;
}

/// Hashing takes most of the time that a large file costs, so that one is hashed only when asked.
constexpr std::size_t kLargestHashed = std::size_t{32} << 20;

Json describe(const WeightFile& file, bool hash) {
  const Json metadata = metadata_json(file);
  Json json{{"file", file.path().string()},
            {"kind", convmae::describe(file.kind())},
            {"bytes", file.size()},
            {"sha256", nullptr}};
  if (hash || file.size() <= kLargestHashed) json["sha256"] = sha256_of_file(file.path());
  json.update(weights_json(file));
  json["architecture"] = architecture_json(file);
  json["epoch"] = epoch_json(file, metadata);
  json["optimizer"] = file.has_optimizer();
  json["arguments"] = training_arguments(file);
  json["metadata"] = metadata;
  return json;
}

/// A value on one line.
std::string plain_text(const Json& value) {
  if (value.is_null()) return "none";
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return text.empty() ? "none" : brief(text);
  }
  if (!value.is_structured()) return json_text(value);
  std::string text;
  for (const auto& item : value.items()) {
    if (!text.empty()) text += value.is_object() ? ", " : " ";
    if (value.is_object()) text += brief(item.key()) + " ";
    text += plain_text(item.value());
  }
  return text.empty() ? "none" : text;
}

void print_members(const Json& json, const std::string& indent) {
  for (const auto& [key, value] : json.items()) {
    const bool nested = value.is_object() && !value.empty();
    std::cout << indent << brief(key) << ":";
    if (nested) {
      std::cout << '\n';
      print_members(value, indent + "  ");
    } else {
      std::cout << ' ' << plain_text(value) << '\n';
    }
  }
}

}  // namespace

void add_inspect(CLI::App& app) {
  CLI::App* const command = app.add_subcommand(
      "inspect", "Say what is in a file of weights: .pth or safetensors, of any model");
  struct Options {
    std::string file;
    bool json = false;
    bool sha256 = false;
  };
  const auto options = std::make_shared<Options>();
  command->add_option("file", options->file, "File to look into; nothing in it is run")->required();
  add_json(*command, options->json);
  command->add_flag(
      "--sha256", options->sha256,
      "Hash the file also if it is larger than 32 MiB, which takes longer than all the rest");
  add_example(*command, "convmae inspect weights.safetensors");
  command->callback([options] {
    Json json = describe(WeightFile(options->file), options->sha256);
    if (options->json) {
      print_json(json);
    } else {
      if (json["sha256"].is_null())
        json["sha256"] = "not computed for a file over 32 MiB; --sha256 does";
      print_members(json, "");
    }
  });
}

}  // namespace convmae
