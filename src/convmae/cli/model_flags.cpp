#include "convmae/cli/model_flags.h"

#include "convmae/base/error.h"
#include "convmae/model/model_names.h"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace convmae {

ModelFlags::ModelFlags(OptionTable& table, std::string& name, ModelConfig& config, Part part)
    : name_(name), config_(config) {
  add_encoder(table, part);
  if (part == Part::pretraining) {
    add_pretraining(table);
    add_ablations(table);
  }
}

void ModelFlags::add_encoder(OptionTable& table, Part part) {
  table.group("Model");
  name_option_ = table.add("model", name_,
                           "nano, tiny, small, base, large or huge; or a published name with its "
                           "method, such as mae_vit_base_patch16");
  if (part != Part::dense) {
    method_option_ = table.add_parsed(
        "method", [this](const std::string& name) { method_ = parse_method(name); },
        [this] { return to_string(method_); }, "convmae, fastconvmae or mae");
  }
  input_size_ = table.add("input_size,img_size", config_.encoder.img_size,
                          "Pixels: a side, or height and width");
  options_ = {
      input_size_,
      table.add("in_chans", config_.encoder.in_chans, "Channels of an image"),
      table.add("patch_size", config_.encoder.patch_size,
                "Strides of the stages (mae: the patch side)"),
      table.add("embed_dim", config_.encoder.embed_dim, "Widths of the stages"),
      table.add("depth", config_.encoder.depth, "Blocks of the stages"),
      table.add("mlp_ratio", config_.encoder.mlp_ratio, "Hidden width of the MLPs, by stage"),
      table.add("num_heads", config_.encoder.num_heads, "Attention heads of the encoder"),
  };
  if (part != Part::pretraining) options_.push_back(add_kernel_size(table));
  if (part != Part::dense) options_.push_back(add_position(table));
}

bool ModelFlags::has_method() const {
  return method_option_ != nullptr && method_option_->count() > 0;
}

CLI::Option* ModelFlags::add_position(OptionTable& table) {
  CLI::Option* const option = table.add_parsed(
      "position",
      [this](const std::string& name) { config_.encoder.position = parse_position_encoding(name); },
      [this] { return to_string(config_.encoder.position); },
      "How the transformer knows positions: sincos, relative (a table in every block) or none");
  table.also_read("use_pos_embed", option, {{"true", "sincos"}, {"false", "none"}});
  return option;
}

CLI::Option* ModelFlags::add_kernel_size(OptionTable& table) {
  return table.add("kernel_size", config_.encoder.kernel_size,
                   "Depthwise kernels of stages 1 and 2, odd");
}

void ModelFlags::add_pretraining(OptionTable& table) {
  const std::vector<CLI::Option*> pretraining{
      table.add("mask_ratio", config_.masking.ratio, "Share of the blocks that is removed"),
      table.add("norm_pix_loss", config_.decoder.norm_pix_loss,
                "Predict blocks normalised one by one"),
      table.add("groups", config_.masking.groups, "Complementary masks of fastconvmae"),
      table.add("decoder_embed_dim", config_.decoder.embed_dim, "Width of the decoder"),
      table.add("decoder_depth", config_.decoder.depth, "Blocks of the decoder"),
      table.add("decoder_num_heads", config_.decoder.num_heads, "Attention heads of the decoder"),
  };
  options_.insert(options_.end(), pretraining.begin(), pretraining.end());
}

void ModelFlags::add_ablations(OptionTable& table) {
  table.group("The paper's ablations");
  const std::vector<CLI::Option*> ablations{
      add_kernel_size(table),
      table.add("masked_conv", config_.encoder.masked_conv,
                "Keep removed blocks out of convolutions"),
      table.add("fusion", config_.encoder.fusion, "Add stages 1 and 2 to the encoder's result"),
      table.add("use_decoder_pos_embed", config_.decoder.use_pos_embed,
                "Position table of the decoder"),
      table.add_parsed(
          "mask_unit",
          [this](const std::string& name) { config_.masking.unit = parse_mask_unit(name); },
          [this] { return to_string(config_.masking.unit); }, "Remove a whole block, or position"),
  };
  options_.insert(options_.end(), ablations.begin(), ablations.end());
}

std::set<std::string> ModelFlags::set_aside() const {
  std::set<std::string> keys;
  if (name_option_->count() > 0 || has_method()) {
    keys = {"embed_dim",         "depth",         "mlp_ratio",        "num_heads",
            "decoder_embed_dim", "decoder_depth", "decoder_num_heads"};
  }
  const bool names_method = name_option_->count() > 0 && !parse_model_name(name_).methods.empty();
  if (names_method) keys.insert("method");
  if (names_method || has_method()) keys.insert({"patch_size", "kernel_size"});
  return keys;
}

void ModelFlags::resolve() {
  const NamedModel named = parse_model_name(name_);
  if (!named.methods.empty() && std::ranges::find(named.methods, method_) == named.methods.end()) {
    if (has_method()) {
      throw UserError("--model " + name_ + " is a model of " + to_string(named.methods.front()) +
                      ", found --method " + to_string(method_) + ": leave one of them out");
    }
    method_ = named.methods.front();
  }
  name_ = named.preset;
  config_ = model_preset(name_, method_);
  for (CLI::Option* const option : options_) {
    if (option->count() > 0) option->run_callback();
  }
}

}  // namespace convmae
