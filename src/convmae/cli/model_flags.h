#pragma once

#include "convmae/cli/option_table.h"
#include "convmae/model/config.h"

#include <set>
#include <string>
#include <vector>

namespace convmae {

/// The flags that describe a model, the same for every command that builds one: a preset by name
/// and method, and what replaces parts of it.
class ModelFlags {
 public:
  /// Which flags there are.
  enum class Part {
    pretraining,  ///< all
    encoder,      ///< those of the encoder alone
    dense,        ///< of these, what is not the dense task's own: method and positions
  };

  /// Adds the flags to `table`. They fill `name` and `config`, which outlive this object.
  ModelFlags(OptionTable& table, std::string& name, ModelConfig& config,
             Part part = Part::pretraining);
  ~ModelFlags() = default;
  ModelFlags(const ModelFlags&) = delete;
  ModelFlags& operator=(const ModelFlags&) = delete;

  /// Keys that a configuration file may have for another model than the one that was typed.
  std::set<std::string> set_aside() const;
  /// Makes `config` the preset with the given values over it. To be called when the command line
  /// and the configuration file have been read. Throws UserError if there is no such preset.
  void resolve();
  /// Lets the configuration of a dense task have the encoder that the flags say, on images of its
  /// own size unless --input_size was given.
  template <typename DenseConfig>
  void adopt_encoder(DenseConfig& config) const {
    const Size published = config.encoder.img_size;
    config.encoder = config_.encoder;
    if (!has_input_size()) config.encoder.img_size = published;
  }

 private:
  bool has_input_size() const { return input_size_->count() > 0; }
  void add_encoder(OptionTable& table, Part part);
  CLI::Option* add_kernel_size(OptionTable& table);
  CLI::Option* add_position(OptionTable& table);
  void add_pretraining(OptionTable& table);
  void add_ablations(OptionTable& table);

  std::string& name_;
  ModelConfig& config_;
  Method method_ = Method::convmae;
  bool has_method() const;

  CLI::Option* name_option_ = nullptr;
  CLI::Option* method_option_ = nullptr;
  CLI::Option* input_size_ = nullptr;
  std::vector<CLI::Option*> options_;
};

}  // namespace convmae
