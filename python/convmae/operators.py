"""What the layers compute, natively where the kernels of this package serve, and else by the modules themselves.

A module that somebody has put a hook or a parametrisation on, or something else in its place, is called as it is.
"""

import torch
import torch.nn.functional as F
from torch import nn

from . import native
from .arrangement import blocks_to_map, image_to_blocks, patch_matrix, patches_as_images
from .masking import take_blocks

_KNOWN = (nn.Linear, nn.Conv2d, nn.LayerNorm)


def is_bare(*modules):
    """Whether calling these modules does nothing but what their class says."""
    for module in modules:
        if type(module) not in _KNOWN:
            return False
        if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks:
            return False
        if "forward" in module.__dict__:
            return False
    return True


def _serves(x, *modules):
    return native.serves(x) and is_bare(*modules)


def norm_of(x, norm):
    """LayerNorm over the channels, which are last."""
    return native.layer_norm(x, norm.weight, norm.bias, norm.eps) if _serves(x, norm) else norm(x)


def gelu(x):
    return native.gelu(x) if native.serves(x) else F.gelu(x)


def linear(x, layer, norm=None):
    """layer(norm(x)) of a Linear."""
    if _serves(x, layer) and (norm is None or is_bare(norm)):
        return native.linear(x, layer.weight, layer.bias, norm)
    return layer(x if norm is None else norm(x))


def pointwise(x, conv, norm=None):
    """The same of a 1x1 convolution on x [..., C]."""
    if _serves(x, conv) and (norm is None or is_bare(norm)):
        return native.linear(x, conv.weight.flatten(1), conv.bias, norm)
    if norm is not None:
        x = norm(x)
    if is_bare(conv):
        return F.linear(x, conv.weight.flatten(1), conv.bias)
    return conv(x.reshape(-1, x.shape[-1], 1, 1)).reshape(*x.shape[:-1], -1)


def mlp(x, first, second, norm, convolution):
    """second(gelu(first(norm(x)))) of Linears, or of 1x1 convolutions."""
    if _serves(x, first, second, norm):
        return native.mlp(x, first, second, norm)
    apply = pointwise if convolution else linear
    return apply(gelu(apply(x, first, norm)), second)


def patches(x, conv, nesting):
    """A convolution whose kernel is its stride, on patches [..., cells * C] with their cells in nested order."""
    if not is_bare(conv):
        return conv(patches_as_images(x, nesting, conv.in_channels)).reshape(*x.shape[:-1], -1)
    weight = patch_matrix(conv.weight, nesting)
    return native.linear(x, weight, conv.bias) if native.serves(x) else F.linear(x, weight, conv.bias)


def depthwise(x, conv, visibility, grid, nesting, order):
    """A depthwise convolution of the visible blocks [rows, V, P, C], for which others are zero. `order` is
    `nested_of_raster(nesting)`."""
    if _serves(x, conv):
        return native.depthwise(x, conv.weight, conv.bias, visibility.kept, grid, order)
    rows, count, cells, channels = x.shape
    whole = count == grid[0] * grid[1]
    if not whole:
        # A row of zeros, which stands for what is not there, and those of all images.
        flat = F.pad(x.reshape(rows * count, cells * channels), (0, 0, 1, 0))
        slot = visibility.slot.flatten(1)
        first = torch.arange(rows, device=slot.device).unsqueeze(1) * count
        index = torch.where(slot >= 0, first + slot + 1, 0)
        x = flat.index_select(0, index.flatten()).view(rows, -1, cells, channels)
    blocks = image_to_blocks(conv(blocks_to_map(x, grid, nesting)), grid, nesting)
    return blocks if whole else take_blocks(blocks, visibility.kept)


def self_attention(qkv, heads, projection, bias=None):
    """projection(attention) of qkv [B, N, 3C]; `bias` is added to the scores."""
    if bias is None and _serves(qkv, projection):
        return native.attention(qkv, heads, projection)
    query, key, value = qkv.unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
    return _attend(query, key, value, projection, bias)


def cross_attention(query, key_value, heads, projection):
    """The same of a query [B, R, C] and key_value [B, N, 2C]."""
    key, value = key_value.unflatten(2, (2, heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
    return _attend(query.unflatten(2, (heads, -1)).transpose(1, 2), key, value, projection, None)


def _attend(query, key, value, projection, bias):
    bias = None if bias is None else bias.to(query.dtype)
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    return linear(mixed.transpose(1, 2).flatten(2), projection)
