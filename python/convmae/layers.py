"""The layers of encoders and decoders, with the published names of their parameters."""

import math

import torch
from torch import nn

from . import operators
from .arrangement import nested_of_raster
from .masking import take_blocks
from .positions import relative_bias

CONV_EPS = 1e-5
EPS = 1e-6


def drop_path(branch, rate, training):
    """Leaves out the branch for some of the images, and makes up for it in the others."""
    if rate == 0 or not training:
        return branch
    keep = 1 - rate
    scale = branch.new_empty(branch.shape[0], *[1] * (branch.dim() - 1)).bernoulli_(keep)
    return branch * (scale / keep if keep > 0 else scale)


class PatchEmbed(nn.Module):
    """A convolution whose kernel is its stride, LayerNorm, GELU; on patches [B, V, n, cells * C]."""

    def __init__(self, in_chans, dim, stride):
        super().__init__()
        self.proj = nn.Conv2d(in_chans, dim, stride, stride)
        self.norm = nn.LayerNorm(dim, eps=CONV_EPS)

    def forward(self, x):
        x = operators.patches(x, self.proj, (self.proj.kernel_size[0],))
        return operators.gelu(operators.norm_of(x, self.norm))


class Mlp(nn.Module):
    def __init__(self, dim, hidden, convolution=False):
        super().__init__()
        self.convolution = convolution
        self.fc1 = nn.Conv2d(dim, hidden, 1) if convolution else nn.Linear(dim, hidden)
        self.fc2 = nn.Conv2d(hidden, dim, 1) if convolution else nn.Linear(hidden, dim)

    def forward(self, x, norm):
        """Of norm(x)."""
        return operators.mlp(x, self.fc1, self.fc2, norm, self.convolution)


class ConvBlock(nn.Module):
    """A block of stages 1 and 2: a depthwise convolution between two 1x1 ones, then an MLP of 1x1 convolutions."""

    def __init__(self, dim, mlp_ratio, kernel, nesting, eps=CONV_EPS):
        super().__init__()
        self.nesting = tuple(nesting)
        self.order = nested_of_raster(self.nesting)
        self.drop_path_rate = 0.0
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.conv1 = nn.Conv2d(dim, dim, 1)
        self.conv2 = nn.Conv2d(dim, dim, 1)
        self.attn = nn.Conv2d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.mlp = Mlp(dim, int(dim * mlp_ratio), convolution=True)

    def forward(self, x, visibility, grid):
        """x [rows, V, P, C] of the visible blocks."""
        mixed = operators.pointwise(x, self.conv1, self.norm1)
        mixed = operators.depthwise(mixed, self.attn, visibility, grid, self.nesting, self.order)
        x = x + drop_path(operators.pointwise(mixed, self.conv2), self.drop_path_rate, self.training)
        return x + drop_path(self.mlp(x, self.norm2), self.drop_path_rate, self.training)


class RelativePositions(nn.Module):
    """A table of distances for a grid, which attention adds to its scores."""

    def __init__(self, heads, grid):
        super().__init__()
        self.grid = tuple(grid)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(math.prod(2 * side - 1 for side in grid), heads))

    def forward(self, grid, places):
        return relative_bias(self.relative_position_bias_table, self.grid, grid, places)


class Attention(nn.Module):
    def __init__(self, dim, heads, relative_grid=None):
        super().__init__()
        self.num_heads = heads
        self.relative_grid = relative_grid
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        if relative_grid is not None:
            distances = math.prod(2 * side - 1 for side in relative_grid)
            self.relative_position_bias_table = nn.Parameter(torch.zeros(distances, heads))

    def forward(self, x, norm, bias=None, wanted=None):
        """Of norm(x), for all tokens or, as queries, those that are `wanted` [B, R]."""
        if wanted is None:
            return operators.self_attention(operators.linear(x, self.qkv, norm), self.num_heads, self.proj, bias)
        if not operators.is_bare(self.qkv):
            return take_blocks(self.forward(x, norm, bias), wanted)
        x = operators.norm_of(x, norm)
        dim = x.shape[2]
        weight, offset = self.qkv.weight, self.qkv.bias
        query = nn.functional.linear(take_blocks(x, wanted), weight[:dim], offset[:dim])
        key_value = nn.functional.linear(x, weight[dim:], offset[dim:])
        return operators.cross_attention(query, key_value, self.num_heads, self.proj)

    def own_bias(self, grid, places):
        if self.relative_grid is None:
            return None
        return relative_bias(self.relative_position_bias_table, self.relative_grid, grid, places)


class TransformerBlock(nn.Module):
    """A block of stage 3, of MAE's encoder and of the decoder."""

    def __init__(self, dim, heads, mlp_ratio, eps=EPS, relative_grid=None, layer_scale=None):
        super().__init__()
        self.drop_path_rate = 0.0
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.attn = Attention(dim, heads, relative_grid)
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.gamma_1 = self.gamma_2 = None
        if layer_scale is not None:
            self.gamma_1 = nn.Parameter(torch.full((dim,), float(layer_scale)))
            self.gamma_2 = nn.Parameter(torch.full((dim,), float(layer_scale)))

    def forward(self, x, bias=None, wanted=None):
        """x [B, N, C] -> the same, or [B, R, C] of the tokens that are wanted [B, R]."""

        def add(x, branch, gamma):
            return x + drop_path(branch if gamma is None else branch * gamma, self.drop_path_rate, self.training)

        mixed = self.attn(x, self.norm1, bias, wanted)
        x = add(x if wanted is None else take_blocks(x, wanted), mixed, self.gamma_1)
        return add(x, self.mlp(x, self.norm2), self.gamma_2)


def set_drop_path(blocks, rate):
    """Rates that rise from 0 at the first block to `rate` at the last, as published."""
    for number, block in enumerate(blocks):
        block.drop_path_rate = rate * number / max(len(blocks) - 1, 1)


def initialise(module, linear="xavier"):
    """As the published code starts: Linear weights xavier (pretraining) or normal with deviation 0.02 (other tasks),
    biases 0, norms 1 and 0, convolutions PyTorch's default, tokens normal with 0.02."""
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight) if linear == "xavier" else nn.init.normal_(part.weight, std=0.02)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Conv2d) and linear == "xavier" and name in ("patch_embed3.proj", "patch_embed.proj"):
            nn.init.xavier_uniform_(part.weight.data.flatten(1))
    for name, parameter in module.named_parameters():
        if name.rpartition(".")[2] in ("cls_token", "mask_token"):
            nn.init.normal_(parameter, std=0.02)
