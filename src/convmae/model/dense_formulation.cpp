#include "convmae/model/dense_formulation.h"

#include "convmae/model/dense_description.h"

#include <ATen/ATen.h>

#include <optional>
#include <vector>

namespace convmae::dense {
namespace {

/// Computes the description's parts with the library's own operators.
class TensorMath {
 public:
  using Value = at::Tensor;
  explicit TensorMath(const Parameters& parameters) : parameters_(parameters) {}

  bool has(const std::string& name) const { return parameters_.contains(name); }
  const at::Tensor& parameter(const std::string& name) const { return parameters_.at(name); }

  at::Tensor linear(const at::Tensor& x, const std::string& name) const {
    return at::linear(x, weight(name), bias(name));
  }
  at::Tensor layer_norm(const at::Tensor& x, const std::string& name, double eps) const {
    return at::layer_norm(x, {x.size(-1)}, weight(name), bias(name), eps);
  }
  at::Tensor convolution(const at::Tensor& x, const std::string& name, int64_t stride,
                         int64_t padding) const {
    return at::conv2d(x, weight(name), bias(name), stride, padding);
  }
  at::Tensor depthwise(const at::Tensor& x, const std::string& name) const {
    const at::Tensor& taps = weight(name);
    return at::conv2d(x, taps, bias(name), 1, taps.size(2) / 2, 1, taps.size(0));
  }
  static at::Tensor gelu(const at::Tensor& x) { return at::gelu(x); }
  static at::Tensor softmax(const at::Tensor& x) { return x.softmax(-1); }
  static at::Tensor add(const at::Tensor& x, const at::Tensor& y) { return x + y; }
  static at::Tensor multiply(const at::Tensor& x, const at::Tensor& y) { return x * y; }
  static at::Tensor matmul(const at::Tensor& x, const at::Tensor& y) { return x.matmul(y); }
  static at::Tensor scaled(const at::Tensor& x, double factor) { return x * factor; }
  static at::Tensor permuted(const at::Tensor& x, at::IntArrayRef order) {
    return x.permute(order);
  }
  static at::Tensor reshaped(const at::Tensor& x, at::IntArrayRef shape) {
    std::vector<int64_t> sides = shape.vec();
    for (std::size_t i = 0; i < sides.size(); ++i) {
      if (sides[i] == 0) sides[i] = x.size(static_cast<int64_t>(i));
    }
    return x.reshape(sides);
  }
  static std::vector<at::Tensor> parts(const at::Tensor& x, int64_t count) {
    return x.chunk(count, -1);
  }

 private:
  const at::Tensor& weight(const std::string& name) const { return parameter(name + ".weight"); }
  const at::Tensor& bias(const std::string& name) const { return parameter(name + ".bias"); }

  const Parameters& parameters_;
};

/// The table [(2h-1)(2w-1), heads] of a block written out for every query and key: [heads, L, L].
at::Tensor full_table(const at::Tensor& table, int64_t h, int64_t w) {
  std::vector<int64_t> rows;
  for (int64_t query = 0; query < h * w; ++query) {
    for (int64_t key = 0; key < h * w; ++key) {
      const int64_t down = query / w - key / w + h - 1;
      const int64_t right = query % w - key % w + w - 1;
      rows.push_back(down * (2 * w - 1) + right);
    }
  }
  return table.index_select(0, at::tensor(rows)).t().view({table.size(1), h * w, h * w});
}

/// Its part for the tokens `ids` [B, V]: [B, heads, V, V].
at::Tensor of_tokens(const at::Tensor& full, const at::Tensor& ids) {
  std::vector<at::Tensor> images;
  for (const at::Tensor& own : ids.unbind(0)) {
    images.push_back(full.index_select(1, own).index_select(2, own));
  }
  return at::stack(images);
}

at::Tensor enlarge(const at::Tensor& map, int64_t factor) {
  return map.repeat_interleave(factor, 2).repeat_interleave(factor, 3);
}

}  // namespace

Output convmae_forward(const Parameters& parameters, const ModelConfig& config,
                       const at::Tensor& images, const at::Tensor& keep) {
  TensorMath math(parameters);
  const Scope s(math);
  const auto& p = config.encoder.patch_size;
  const int64_t block = p[0] * p[1] * p[2];
  const int64_t h = images.size(2) / block;
  const int64_t w = images.size(3) / block;
  const int64_t batch = images.size(0);
  const at::Tensor keep_map = keep.view({batch, 1, h, w});
  const at::Tensor ones = at::ones_like(keep_map);
  const at::Tensor& conv_keep = config.encoder.masked_conv ? keep_map : ones;

  constexpr double kConvEps = 1e-5;
  const ConvStages<TensorMath> stages =
      conv_stages<TensorMath>(s, config.encoder, images, kConvEps, enlarge(conv_keep, p[1] * p[2]),
                              enlarge(conv_keep, p[2]));
  at::Tensor x = stages.tokens;
  if (config.encoder.position == PositionEncoding::sincos) x = x + s["pos_embed"];

  // Kept tokens, ascending: every row keeps the same number.
  const auto visible = keep[0].sum().item<int64_t>();
  const at::Tensor ids = keep.nonzero().select(1, 1).view({batch, visible, 1});
  const auto take = [&](const at::Tensor& t) {
    return t.gather(1, ids.expand({batch, visible, t.size(2)}));
  };
  at::Tensor latent = take(x);
  const TransformerSizes sizes{config.encoder.embed_dim[2], config.encoder.num_heads};
  for (int64_t i = 0; i < config.encoder.depth[2]; ++i) {
    const Scope own = s.below("blocks3", i);
    std::optional<at::Tensor> bias;
    if (config.encoder.position == PositionEncoding::relative) {
      bias = of_tokens(full_table(own["attn.relative_position_bias_table"], h, w), ids.squeeze(2));
    }
    latent = transformer_block(own, latent, sizes, bias);
  }
  if (config.encoder.fusion) {
    const auto side = [&](const char* name, const at::Tensor& map, int64_t stride) {
      return take(tokens_of(math, s.below(name).convolution(map, stride)));
    };
    latent = latent + side("stage1_output_decode", stages.stage1, p[1] * p[2]) +
             side("stage2_output_decode", stages.stage2, p[2]);
  }
  constexpr double kEps = 1e-6;
  latent = s.below("norm").norm(latent, kEps);

  const at::Tensor embedded = s.below("decoder_embed").linear(latent);
  at::Tensor y = s["mask_token"].expand({batch, h * w, embedded.size(2)});
  y = y.scatter(1, ids.expand_as(embedded), embedded) + s["decoder_pos_embed"];
  const TransformerSizes decoder_sizes{embedded.size(2), config.decoder.num_heads};
  for (int64_t i = 0; i < config.decoder.depth; ++i) {
    y = transformer_block(s.below("decoder_blocks", i), y, decoder_sizes);
  }
  const at::Tensor pred = s.below("decoder_pred").linear(s.below("decoder_norm").norm(y, kEps));

  at::Tensor target = images.view({batch, images.size(1), h, block, w, block})
                          .permute({0, 2, 4, 3, 5, 1})
                          .reshape({batch, h * w, -1});
  if (config.decoder.norm_pix_loss) {
    target = (target - target.mean(-1, true)) / (target.var(-1, true, true) + 1e-6).sqrt();
  }
  const at::Tensor removed = 1 - keep;
  const at::Tensor loss = ((pred - target).square().mean(-1) * removed).sum() / removed.sum();
  return {latent, pred, loss};
}

}  // namespace convmae::dense
