#include "convmae/model/dense_formulation.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

namespace convmae::dense {
namespace {

/// Gives access to the parameters below one name.
class Scope {
 public:
  Scope(const Parameters& parameters, std::string prefix)
      : parameters_(parameters), prefix_(std::move(prefix)) {}
  const at::Tensor& operator[](const std::string& name) const {
    return parameters_.at(prefix_ + name);
  }
  Scope below(const std::string& name) const { return {parameters_, prefix_ + name + "."}; }

 private:
  const Parameters& parameters_;
  std::string prefix_;
};

at::Tensor linear(const Scope& s, const at::Tensor& x) {
  return at::linear(x, s["weight"], s["bias"]);
}

at::Tensor norm(const Scope& s, const at::Tensor& x, double eps) {
  return at::layer_norm(x, {x.size(-1)}, s["weight"], s["bias"], eps);
}

/// LayerNorm over the channels of a map [B, C, H, W].
at::Tensor map_norm(const Scope& s, const at::Tensor& x) {
  return norm(s, x.permute({0, 2, 3, 1}), 1e-5).permute({0, 3, 1, 2});
}

at::Tensor conv(const Scope& s, const at::Tensor& x, int64_t stride) {
  return at::conv2d(x, s["weight"], s["bias"], stride);
}

at::Tensor patch_embed(const Scope& s, const at::Tensor& x, int64_t stride) {
  return at::gelu(map_norm(s.below("norm"), conv(s.below("proj"), x, stride)));
}

at::Tensor conv_block(const Scope& s, const at::Tensor& x, const at::Tensor& keep) {
  const Scope attn = s.below("attn");
  const at::Tensor& weight = attn["weight"];
  const at::Tensor mixed =
      at::conv2d(keep * conv(s.below("conv1"), map_norm(s.below("norm1"), x), 1), weight,
                 attn["bias"], 1, weight.size(2) / 2, 1, weight.size(0));
  const at::Tensor y = x + conv(s.below("conv2"), mixed, 1);
  const Scope mlp = s.below("mlp");
  return y + conv(mlp.below("fc2"),
                  at::gelu(conv(mlp.below("fc1"), map_norm(s.below("norm2"), y), 1)), 1);
}

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

/// `bias` [B, heads, N, N] is added to the scores if it is defined.
at::Tensor attention(const Scope& s, const at::Tensor& x, int64_t heads, const at::Tensor& bias) {
  const int64_t dim = x.size(2);
  const int64_t head_dim = dim / heads;
  const auto parts = linear(s.below("qkv"), x)
                         .view({x.size(0), x.size(1), 3, heads, head_dim})
                         .permute({2, 0, 3, 1, 4})
                         .unbind(0);
  at::Tensor scores =
      parts[0].matmul(parts[1].transpose(-2, -1)) / std::sqrt(static_cast<double>(head_dim));
  if (bias.defined()) scores = scores + bias;
  return linear(s.below("proj"),
                scores.softmax(-1).matmul(parts[2]).transpose(1, 2).reshape(x.sizes()));
}

at::Tensor transformer_block(const Scope& s, const at::Tensor& x, int64_t heads,
                             const at::Tensor& bias = {}) {
  const at::Tensor y = x + attention(s.below("attn"), norm(s.below("norm1"), x, 1e-6), heads, bias);
  const Scope mlp = s.below("mlp");
  return y + linear(mlp.below("fc2"),
                    at::gelu(linear(mlp.below("fc1"), norm(s.below("norm2"), y, 1e-6))));
}

at::Tensor enlarge(const at::Tensor& map, int64_t factor) {
  return map.repeat_interleave(factor, 2).repeat_interleave(factor, 3);
}

at::Tensor tokens_of(const at::Tensor& map) { return map.flatten(2).transpose(1, 2); }

}  // namespace

Output convmae_forward(const Parameters& parameters, const ModelConfig& config,
                       const at::Tensor& images, const at::Tensor& keep) {
  const Scope s(parameters, "");
  const auto& p = config.encoder.patch_size;
  const int64_t block = p[0] * p[1] * p[2];
  const int64_t h = images.size(2) / block;
  const int64_t w = images.size(3) / block;
  const int64_t batch = images.size(0);
  const at::Tensor keep_map = keep.view({batch, 1, h, w});
  const at::Tensor ones = at::ones_like(keep_map);
  const at::Tensor& conv_keep = config.encoder.masked_conv ? keep_map : ones;

  at::Tensor x = patch_embed(s.below("patch_embed1"), images, p[0]);
  for (int64_t i = 0; i < config.encoder.depth[0]; ++i) {
    x = conv_block(s.below("blocks1." + std::to_string(i)), x, enlarge(conv_keep, p[1] * p[2]));
  }
  const at::Tensor stage1 = x;
  x = patch_embed(s.below("patch_embed2"), x, p[1]);
  for (int64_t i = 0; i < config.encoder.depth[1]; ++i) {
    x = conv_block(s.below("blocks2." + std::to_string(i)), x, enlarge(conv_keep, p[2]));
  }
  const at::Tensor stage2 = x;
  x = tokens_of(patch_embed(s.below("patch_embed3"), x, p[2]));
  x = linear(s.below("patch_embed4"), x);
  if (config.encoder.position == PositionEncoding::sincos) x = x + s["pos_embed"];

  // Kept tokens, ascending: every row keeps the same number.
  const auto visible = keep[0].sum().item<int64_t>();
  const at::Tensor ids = keep.nonzero().select(1, 1).view({batch, visible, 1});
  const auto take = [&](const at::Tensor& t) {
    return t.gather(1, ids.expand({batch, visible, t.size(2)}));
  };
  at::Tensor latent = take(x);
  for (int64_t i = 0; i < config.encoder.depth[2]; ++i) {
    const Scope own = s.below("blocks3." + std::to_string(i));
    at::Tensor bias;
    if (config.encoder.position == PositionEncoding::relative) {
      bias = of_tokens(full_table(own["attn.relative_position_bias_table"], h, w), ids.squeeze(2));
    }
    latent = transformer_block(own, latent, config.encoder.num_heads, bias);
  }
  if (config.encoder.fusion) {
    latent = latent + take(tokens_of(conv(s.below("stage1_output_decode"), stage1, p[1] * p[2]))) +
             take(tokens_of(conv(s.below("stage2_output_decode"), stage2, p[2])));
  }
  latent = norm(s.below("norm"), latent, 1e-6);

  const at::Tensor embedded = linear(s.below("decoder_embed"), latent);
  at::Tensor y = s["mask_token"].expand({batch, h * w, embedded.size(2)});
  y = y.scatter(1, ids.expand_as(embedded), embedded) + s["decoder_pos_embed"];
  for (int64_t i = 0; i < config.decoder.depth; ++i) {
    y = transformer_block(s.below("decoder_blocks." + std::to_string(i)), y,
                          config.decoder.num_heads);
  }
  const at::Tensor pred = linear(s.below("decoder_pred"), norm(s.below("decoder_norm"), y, 1e-6));

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
