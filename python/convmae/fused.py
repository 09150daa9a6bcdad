"""Kernels and matrix products together: a norm's result and a GELU's are computed again in the backward pass, not kept.

Parameters may be of a higher precision than x: they are converted for the products.
"""

from typing import List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .kernels import LOADED, kernels, new_like, refuse_second_derivative, sum_type

# Where products of bfloat16 are done by AMX, libraries take long to turn over a factor; elsewhere they take it as it is.
TURNS_FACTORS = bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())


# The types whose products PyTorch gives to a slower library, or adds the bias to in passes of its own.
TO_ONEDNN = {type_ for type_ in (torch.float32, torch.bfloat16)
             if LOADED and torch.backends.mkldnn.is_available() and kernels.prefers_onednn(torch.empty(0, dtype=type_))}


def _as(parameter, x):
    return None if parameter is None else parameter.to(x.dtype)


def _rows(x):
    return x.reshape(-1, x.shape[-1])


def _product(x, weight, bias=None):
    """x weight^T + bias."""
    weight, bias = _as(weight, x), _as(bias, x)
    if x.dtype in TO_ONEDNN and x.numel() > 0 and weight.numel() > 0:
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return F.linear(x, weight, bias)


def _input_gradient(grad, weight):
    """grad weight. PyTorch's own product in bfloat16 is as fast."""
    weight = _as(weight, grad)
    return grad @ weight if grad.dtype == torch.bfloat16 else _product(grad, weight.t())


def _weight_gradient(grad, x, weight):
    """Of rows of both."""
    if grad.dtype == torch.bfloat16:
        turned = kernels.transpose(grad) if TURNS_FACTORS else grad.t()
        return (turned @ x).to(weight.dtype)
    # oneDNN takes its first factor contiguous: one is copied, and if that is x, the result too. The smaller copy wins.
    if grad.dtype in TO_ONEDNN and x.numel() + weight.numel() < grad.numel():
        return _product(x.t(), grad.t()).t().to(weight.dtype, memory_format=torch.contiguous_format)
    return _product(grad.t(), x.t()).to(weight.dtype)


def _bias_gradient(grad, weight):
    return kernels.column_sums(grad).to(weight.dtype)


def _nothing(x):
    return x.new_empty(0)


def _gelu_both(grad, x):
    """gelu(x), and the gradient of x, which takes the place of the result's."""
    if x.dtype == torch.float64:
        return F.gelu(x), torch.ops.aten.gelu_backward(grad, x)
    return kernels.gelu_both_(grad, x), grad


def gelu(x):
    """There is no kernel for float64."""
    return F.gelu(x) if x.dtype == torch.float64 else kernels.gelu(x)


if LOADED:
    from torch.library import custom_op

    @custom_op("convmae::linear", mutates_args=())
    def _linear(x: Tensor, weight: Tensor, bias: Optional[Tensor], norm_weight: Optional[Tensor],
                norm_bias: Optional[Tensor], eps: float) -> Tuple[Tensor, Tensor, Tensor]:
        """Linear of norm(x), where there is a norm; and the norm's means and inverse deviations."""
        mean = inverse_deviation = None
        y = x
        if norm_weight is not None:
            y, mean, inverse_deviation = kernels.layer_norm(x, norm_weight, norm_bias, eps)
        y = _product(y, weight, bias)
        return y, *(_nothing(x) if part is None else part for part in (mean, inverse_deviation))

    @_linear.register_fake
    def _(x, weight, bias, norm_weight, norm_bias, eps):
        rows = 0 if norm_weight is None else x.numel() // x.shape[-1]
        type_ = x.dtype if norm_weight is None else sum_type(x)
        return (x.new_empty(*x.shape[:-1], weight.shape[0]), x.new_empty(rows, dtype=type_), x.new_empty(rows, dtype=type_))

    @custom_op("convmae::linear_backward", mutates_args=())
    def _linear_backward(grad: Tensor, x: Tensor, weight: Tensor, norm_weight: Optional[Tensor],
                         norm_bias: Optional[Tensor], mean: Tensor, inverse_deviation: Tensor,
                         needs: List[bool]) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """`needs`: the gradients of x, weight and bias."""
        grad, rows = _rows(grad).contiguous(), _rows(x)
        grad_x = grad_weight = grad_bias = grad_scale = grad_shift = None
        if norm_weight is not None:
            grad_x, grad_scale, grad_shift, rows = kernels.layer_norm_backward(
                _input_gradient(grad, weight), rows, norm_weight, norm_bias, mean, inverse_deviation)
        elif needs[0]:
            grad_x = _input_gradient(grad, weight)
        if needs[1]:
            grad_weight = _weight_gradient(grad, rows, weight)
        if needs[2]:
            grad_bias = _bias_gradient(grad, weight)
        grad_x = None if grad_x is None else grad_x.view(x.shape)
        return tuple(_nothing(x) if part is None else part
                     for part in (grad_x, grad_weight, grad_bias, grad_scale, grad_shift))

    @_linear_backward.register_fake
    def _(grad, x, weight, norm_weight, norm_bias, mean, inverse_deviation, needs):
        norm = norm_weight is not None
        return (new_like(x) if needs[0] or norm else _nothing(x), new_like(weight) if needs[1] else _nothing(x),
                weight.new_empty(weight.shape[0]) if needs[2] else _nothing(x),
                new_like(norm_weight) if norm else _nothing(x), new_like(norm_bias) if norm else _nothing(x))

    def _keep_linear(ctx, inputs, output):
        ctx.set_materialize_grads(False)
        x, weight, _, norm_weight, norm_bias, _ = inputs
        ctx.save_for_backward(x, weight, norm_weight, norm_bias, *output[1:])
        ctx.mark_non_differentiable(*output[1:])

    def _linear_gradients(ctx, grad, *_):
        refuse_second_derivative()
        needs = list(ctx.needs_input_grad[:5])
        found = kernels.linear_backward(grad, *ctx.saved_tensors, needs[:3])
        return (*(part if need else None for part, need in zip(found, needs)), None)

    _linear.register_autograd(_linear_gradients, setup_context=_keep_linear)

    @custom_op("convmae::mlp", mutates_args=())
    def _mlp(x: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, norm_weight: Tensor,
             norm_bias: Tensor, eps: float) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        """Two Linears of norm(x) with a GELU between; what the first gives, and the norm's means and deviations."""
        y, mean, inverse_deviation = kernels.layer_norm(x, norm_weight, norm_bias, eps)
        hidden = _product(y, weight1, bias1)
        return _product(gelu(hidden), weight2, bias2), hidden, mean, inverse_deviation

    @_mlp.register_fake
    def _(x, weight1, bias1, weight2, bias2, norm_weight, norm_bias, eps):
        rows = x.numel() // x.shape[-1]
        return (x.new_empty(*x.shape[:-1], weight2.shape[0]), x.new_empty(*x.shape[:-1], weight1.shape[0]),
                x.new_empty(rows, dtype=sum_type(x)), x.new_empty(rows, dtype=sum_type(x)))

    @custom_op("convmae::mlp_backward", mutates_args=())
    def _mlp_backward(grad: Tensor, x: Tensor, weight1: Tensor, weight2: Tensor, norm_weight: Tensor, norm_bias: Tensor,
                      hidden: Tensor, mean: Tensor, inverse_deviation: Tensor, needs: List[bool]
                      ) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """`needs`: the gradients of weight1, bias1, weight2 and bias2."""
        grad = _rows(grad).contiguous()
        values, inner = _gelu_both(_input_gradient(grad, weight2), _rows(hidden))
        found = [None, None, _weight_gradient(grad, values, weight2) if needs[2] else None,
                 _bias_gradient(grad, weight2) if needs[3] else None]
        del values
        grad_x, grad_scale, grad_shift, y = kernels.layer_norm_backward(
            _input_gradient(inner, weight1), _rows(x), norm_weight, norm_bias, mean, inverse_deviation)
        found[0] = _weight_gradient(inner, y, weight1) if needs[0] else None
        found[1] = _bias_gradient(inner, weight1) if needs[1] else None
        return grad_x.view(x.shape), *(_nothing(x) if part is None else part for part in found), grad_scale, grad_shift

    @_mlp_backward.register_fake
    def _(grad, x, weight1, weight2, norm_weight, norm_bias, hidden, mean, inverse_deviation, needs):
        parts = (new_like(weight1), weight1.new_empty(weight1.shape[0]), new_like(weight2), weight2.new_empty(weight2.shape[0]))
        return (new_like(x), *(part if need else _nothing(x) for part, need in zip(parts, needs)), new_like(norm_weight),
                new_like(norm_bias))

    def _keep_mlp(ctx, inputs, output):
        ctx.set_materialize_grads(False)
        x, weight1, _, weight2, _, norm_weight, norm_bias, _ = inputs
        ctx.save_for_backward(x, weight1, weight2, norm_weight, norm_bias, *output[1:])
        ctx.mark_non_differentiable(*output[1:])

    def _mlp_gradients(ctx, grad, *_):
        refuse_second_derivative()
        needs = list(ctx.needs_input_grad[:7])
        found = kernels.mlp_backward(grad, *ctx.saved_tensors, needs[1:5])
        return (*(part if need else None for part, need in zip(found, needs)), None)

    _mlp.register_autograd(_mlp_gradients, setup_context=_keep_mlp)

    @custom_op("convmae::projected_attention", mutates_args=())
    def _projected(qkv: Tensor, heads: int, weight: Tensor, bias: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
        """Linear of attention(qkv), and the logarithms of the softmax's denominators."""
        out, log_sum = kernels.attention(qkv, heads)
        return _product(out, weight, bias), log_sum

    @_projected.register_fake
    def _(qkv, heads, weight, bias):
        batch, tokens, _ = qkv.shape
        return (qkv.new_empty(batch, tokens, weight.shape[0]),
                qkv.new_empty(batch, heads, tokens, dtype=sum_type(qkv)))

    @custom_op("convmae::projected_attention_backward", mutates_args=())
    def _projected_backward(grad: Tensor, qkv: Tensor, heads: int, weight: Tensor, log_sum: Tensor, needs: List[bool]
                            ) -> Tuple[Tensor, Tensor, Tensor]:
        """`needs`: the gradients of weight and bias."""
        grad = grad.contiguous()
        grad_qkv, out = kernels.attention_backward(_input_gradient(grad, weight), qkv, log_sum, heads)
        grad = _rows(grad)
        return (grad_qkv, _weight_gradient(grad, _rows(out), weight) if needs[0] else _nothing(qkv),
                _bias_gradient(grad, weight) if needs[1] else _nothing(qkv))

    @_projected_backward.register_fake
    def _(grad, qkv, heads, weight, log_sum, needs):
        return (new_like(qkv), new_like(weight) if needs[0] else _nothing(qkv),
                weight.new_empty(weight.shape[0]) if needs[1] else _nothing(qkv))

    def _keep_projected(ctx, inputs, output):
        ctx.set_materialize_grads(False)
        ctx.heads = inputs[1]
        ctx.save_for_backward(inputs[0], inputs[2], output[1])
        ctx.mark_non_differentiable(output[1])

    def _projected_gradients(ctx, grad, _):
        refuse_second_derivative()
        qkv, weight, log_sum = ctx.saved_tensors
        needs = [ctx.needs_input_grad[number] for number in (0, 2, 3)]
        found = kernels.projected_attention_backward(grad, qkv, ctx.heads, weight, log_sum, needs[1:])
        found = [part if need else None for part, need in zip(found, needs)]
        return found[0], None, *found[1:]

    _projected.register_autograd(_projected_gradients, setup_context=_keep_projected)
