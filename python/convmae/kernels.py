"""The program's kernels as operators of PyTorch, and what they are to autograd and to tracing.

They lie in a library beside this file, or where CONVMAE_KERNELS says, behind PyTorch's stable ABI: it knows no Python and
no version of torch. It takes tensors on a CPU of float32, bfloat16 and, but for GELU, float64.
"""

import os
import warnings
from pathlib import Path

import torch


def _load():
    chosen = os.environ.get("CONVMAE_KERNELS")
    path = Path(chosen) if chosen else Path(__file__).with_name("libconvmae_kernels.so")
    if not chosen and not path.is_file():
        return False
    try:
        torch.ops.load_library(str(path))
    except OSError as error:
        warnings.warn(f"convmae computes without its kernels, which cannot be loaded: {error}", stacklevel=2)
        return False
    return True


LOADED = _load()
kernels = torch.ops.convmae


def refuse_second_derivative():
    if torch.is_grad_enabled():
        raise RuntimeError("the kernels of convmae have no second derivative: compute inside `with convmae.plain():`")


def sum_type(x):
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def new_like(x):
    return torch.empty_like(x, memory_format=torch.contiguous_format)


if LOADED:
    from torch.library import register_autograd, register_fake

    @register_fake("convmae::layer_norm")
    def _(x, weight, bias, eps):
        rows = x.numel() // x.shape[-1]
        return new_like(x), x.new_empty(rows, dtype=sum_type(x)), x.new_empty(rows, dtype=sum_type(x))

    @register_fake("convmae::layer_norm_backward")
    def _(grad, x, weight, bias, mean, inverse_deviation):
        return new_like(x), new_like(weight), new_like(bias), new_like(x)

    @register_fake("convmae::gelu")
    def _(x):
        return new_like(x)

    @register_fake("convmae::gelu_backward")
    def _(grad, x):
        return new_like(x)

    @register_fake("convmae::gelu_both_")
    def _(grad, x):
        return new_like(x)

    @register_fake("convmae::attention")
    def _(qkv, heads):
        batch, tokens, width = qkv.shape
        return qkv.new_empty(batch, tokens, width // 3), qkv.new_empty(batch, heads, tokens, dtype=sum_type(qkv))

    @register_fake("convmae::attention_backward")
    def _(grad, qkv, log_sum, heads):
        return new_like(qkv), new_like(grad)

    @register_fake("convmae::depthwise")
    def _(x, weight, bias, kept, grid, order):
        return new_like(x)

    @register_fake("convmae::depthwise_taps")
    def _(grad, x, kept, grid, order, kernel):
        channels = x.shape[3]
        return (x.new_empty(channels, 1, kernel, kernel, dtype=sum_type(x)),
                x.new_empty(channels, dtype=sum_type(x)))

    @register_fake("convmae::column_sums")
    def _(x):
        return x.new_empty(x.shape[1], dtype=sum_type(x))

    @register_fake("convmae::transpose")
    def _(x):
        return x.new_empty(x.shape[1], x.shape[0])

    def _no_derivative(ctx, *grads):
        raise RuntimeError("this operator of convmae is part of a backward pass and has no derivative")

    for _name in ("layer_norm_backward", "gelu_backward", "attention_backward", "depthwise_taps",
                  "column_sums", "transpose"):
        register_autograd(f"convmae::{_name}", _no_derivative)

    def _keep_norm(ctx, inputs, output):
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs[:3], output[1], output[2])
        ctx.mark_non_differentiable(output[1], output[2])

    def _norm_backward(ctx, grad, *_):
        refuse_second_derivative()
        return (*kernels.layer_norm_backward(grad, *ctx.saved_tensors)[:3], None)

    register_autograd("convmae::layer_norm", _norm_backward, setup_context=_keep_norm)

    def _keep_input(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])

    def _gelu_gradient(ctx, grad):
        refuse_second_derivative()
        return kernels.gelu_backward(grad, ctx.saved_tensors[0])

    register_autograd("convmae::gelu", _gelu_gradient, setup_context=_keep_input)

    def _keep_attention(ctx, inputs, output):
        ctx.set_materialize_grads(False)
        ctx.heads = inputs[1]
        ctx.save_for_backward(inputs[0], output[1])
        ctx.mark_non_differentiable(output[1])

    def _attention_gradient(ctx, grad, _):
        refuse_second_derivative()
        return kernels.attention_backward(grad, *ctx.saved_tensors, ctx.heads)[0], None

    register_autograd("convmae::attention", _attention_gradient, setup_context=_keep_attention)

    def _keep_depthwise(ctx, inputs, output):
        x, weight, _, kept, ctx.grid, ctx.order = inputs
        ctx.save_for_backward(x, weight, kept)

    def _depthwise_gradient(ctx, grad):
        refuse_second_derivative()
        x, weight, kept = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        grad_x = grad_weight = grad_bias = None
        if needs_x:
            # The same convolution with its taps flipped.
            grad_x = kernels.depthwise(grad, weight.flip((2, 3)), None, kept, ctx.grid, ctx.order)
        if needs_weight or needs_bias:
            taps, sums = kernels.depthwise_taps(grad, x, kept, ctx.grid, ctx.order, weight.shape[3])
            grad_weight = taps.to(weight.dtype)
            grad_bias = sums.to(weight.dtype) if needs_bias else None
        return grad_x, grad_weight, grad_bias, None, None, None

    register_autograd("convmae::depthwise", _depthwise_gradient, setup_context=_keep_depthwise)
