"""What the layers compute natively, on a CPU where there are kernels for the type."""

import contextlib

import torch

from .fused import gelu  # noqa: F401  and its operators, which are called by their names
from .kernels import LOADED, kernels

_TYPES = (torch.float32, torch.bfloat16, torch.float64)
_plain = 0


def native_available():
    """Whether the kernels are there."""
    return LOADED


@contextlib.contextmanager
def plain():
    """Inside, all models of the process are computed by PyTorch alone: what can be differentiated twice, and exported
    to where this package is not."""
    global _plain
    _plain += 1
    try:
        yield
    finally:
        _plain -= 1


def serves(x):
    """Whether there are kernels for x."""
    if not LOADED or _plain or x.device.type != "cpu" or x.dtype not in _TYPES:
        return False
    return not torch.is_autocast_enabled("cpu") or torch.get_autocast_dtype("cpu") == torch.bfloat16


def layer_norm(x, weight, bias, eps):
    return kernels.layer_norm(x, weight, bias, eps)[0]


def linear(x, weight, bias, norm=None):
    parts = (None, None, 0.0) if norm is None else (norm.weight, norm.bias, norm.eps)
    return kernels.linear(_lowered(x), _lowered(weight), bias, *parts)[0]


def mlp(x, first, second, norm):
    weights = (_lowered(layer.weight).flatten(1) for layer in (first, second))
    return kernels.mlp(_lowered(x), next(weights), first.bias, next(weights), second.bias, norm.weight, norm.bias, norm.eps)[0]


def attention(qkv, heads, projection):
    return kernels.projected_attention(_lowered(qkv), heads, _lowered(projection.weight), projection.bias)[0]


def depthwise(x, weight, bias, kept, grid, order):
    return kernels.depthwise(_lowered(x), weight, bias, kept, list(grid), list(order))


def _lowered(x):
    """Under autocast products are in bfloat16, and so is what is fused with them. Weights are converted here, once for both
    passes; biases and the parameters of norms stay as they are."""
    return x.to(torch.bfloat16) if x.dtype == torch.float32 and torch.is_autocast_enabled("cpu") else x
