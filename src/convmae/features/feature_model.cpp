#include "convmae/features/feature_model.h"

#include "convmae/base/error.h"
#include "convmae/base/quote.h"
#include "convmae/checkpoint/checkpoint_file.h"
#include "convmae/checkpoint/held_tensors.h"
#include "convmae/checkpoint/weight_layout.h"
#include "convmae/checkpoint/weights.h"
#include "convmae/model/encoder/feature_maps.h"
#include "convmae/train/run/checkpoint_store.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace convmae {
namespace {

/// What the file says of its encoder and its images, or what its shapes do.
CheckpointInfo encoder_info(const WeightFile& file, const Architecture& architecture,
                            std::optional<std::int64_t> num_heads) {
  CheckpointInfo info;
  if (std::optional<CheckpointInfo> described = described_by_itself(file)) {
    info = std::move(*described);
  } else {
    info.model.encoder = encoder_shapes_of(architecture);
    // A stage without blocks has no kernel: any odd number describes it.
    std::ranges::replace(info.model.encoder.kernel_size, 0, 1);
  }
  if (num_heads) info.model.encoder.num_heads = *num_heads;
  if (info.model.encoder.num_heads == 0) {
    throw UserError(
        quote(file.path().string()) +
        " does not tell the number of attention heads of its encoder: give --num_heads");
  }
  try {
    validate(info.model.encoder);
  } catch (const UserError& error) {
    throw UserError("cannot rebuild the encoder of " + quote(file.path().string()) + ": " +
                    error.what());
  }
  if (info.preprocessing.mean.empty()) {
    info.preprocessing =
        default_preprocessing(info.model.encoder.in_chans, info.model.encoder.img_size);
  }
  return info;
}

/// Whether tables of positions have to be made. Throws UserError unless the file has all else that
/// the encoder needs.
bool makes_tables(const WeightFile& file, const std::string& prefix, const EncoderConfig& config) {
  HeldTensors held(file, prefix, HeldTensors::Lacking::tables);
  for_each_parameter(config, std::ref(held));
  if (held.makes_tables() && config.embed_dim.back() % 4 != 0) {
    throw UserError(quote(file.path().string()) +
                    " has no position table, and none can be made of a width of " +
                    std::to_string(config.embed_dim.back()) +
                    ", which is no multiple of 4: give a whole checkpoint");
  }
  return held.makes_tables();
}

void read_parameters(const WeightFile& file, const std::string& prefix,
                     const torch::nn::Module& encoder) {
  for (const auto& item : encoder.named_parameters()) {
    const std::string name = prefix + item.key();
    const Weight* const weight = file.find(name);
    const bool fixed = !item.value().requires_grad();
    if (weight == nullptr) {
      if (fixed) continue;
      throw UserError(quote(file.path().string()) + " lacks the tensor " + quote(name) +
                      " of its encoder: give a whole checkpoint");
    }
    // A position table of another grid is replaced by the fixed one of this grid.
    if (fixed && at::IntArrayRef(weight->tensor.shape) != item.value().sizes()) continue;
    read_tensor(file, *weight, item.value());
  }
}

/// The encoder of MAE with the norm behind it, if there is one.
class NormedVit : public torch::nn::Module {
 public:
  NormedVit(const EncoderConfig& config, bool fixed_positions, bool normed)
      : vit_(std::make_shared<Vit>(config, fixed_positions)) {
    constexpr double kEps = 1e-6;
    adopt(*this, *vit_);
    if (normed) norm_ = register_module("norm", std::make_shared<LayerNorm>(vit_->width(), kEps));
  }
  at::Tensor map(const at::Tensor& images) { return feature_map(*vit_, norm_.get(), images); }

 private:
  std::shared_ptr<Vit> vit_;
  std::shared_ptr<LayerNorm> norm_;
};

std::vector<at::Tensor> maps_of(NormedVit& encoder, const at::Tensor& images) {
  return {encoder.map(images)};
}
std::vector<at::Tensor> maps_of(Encoder& encoder, const at::Tensor& images) {
  return feature_maps(encoder, images);
}

}  // namespace

FeatureModel::FeatureModel(const std::shared_ptr<PretrainModel>& model, Preprocessing preprocessing)
    : FeatureModel(
          model, [model](const at::Tensor& images) { return model->feature_maps(images); },
          model->config().encoder, std::move(preprocessing)) {}

FeatureModel::FeatureModel(std::shared_ptr<const torch::nn::Module> module, Maps maps,
                           EncoderConfig encoder, Preprocessing preprocessing)
    : module_(std::move(module)),
      maps_(std::move(maps)),
      encoder_(std::move(encoder)),
      preprocessing_(std::move(preprocessing)) {}

FeatureModel FeatureModel::load(const std::filesystem::path& path,
                                std::optional<std::int64_t> num_heads, const Compute& compute) {
  const std::filesystem::path chosen = model_file(path);
  const WeightFile file(chosen);
  const std::optional<Architecture> architecture = architecture_of(file);
  if (!architecture) {
    throw UserError(quote(chosen.string()) +
                    " holds no encoder that this program knows: see `convmae inspect`");
  }
  const CheckpointInfo info = encoder_info(file, *architecture, num_heads);
  const std::string& prefix = architecture->prefix;
  const EncoderConfig& config = info.model.encoder;
  const bool fixed_positions = makes_tables(file, prefix, config);
  const auto ready = [&](const auto& encoder) -> FeatureModel {
    read_parameters(file, prefix, *encoder);
    hold_weights_as(*encoder, compute.type);
    place(*encoder, compute);
    return {encoder,
            [encoder, compute](const at::Tensor& images) {
              return maps_of(*encoder, images.to(compute.device, compute.type));
            },
            config, info.preprocessing};
  };
  if (config.kind == EncoderKind::vit) {
    // Which refuses what has been damaged.
    if (is_ours(file)) static_cast<void>(CheckpointFile(chosen));
    const bool normed = file.find(prefix + "norm.weight") != nullptr;
    return ready(std::make_shared<NormedVit>(config, fixed_positions, normed));
  }
  // A fixed table is computed only where the file has none.
  return ready(std::make_shared<Encoder>(config, EncoderTail::none,
                                         EncoderParts{.fixed_positions = fixed_positions}));
}

std::vector<at::Tensor> FeatureModel::maps(const at::Tensor& images) const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> result = maps_(images);
  for (at::Tensor& map : result) map = map.to(at::kCPU, at::kFloat).contiguous();
  return result;
}

at::Tensor FeatureModel::pooled(const at::Tensor& images) const {
  return maps(images).back().mean({2, 3});
}

}  // namespace convmae
