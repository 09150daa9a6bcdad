"""The operators behind the stable ABI: values and gradients against float64, every shape, every wrong argument."""

import os
import re
import subprocess
import unittest
from unittest import mock

import torch
import torch.nn.functional as F
from torch.library import opcheck

from convmae import fused
from convmae.arrangement import blocks_to_map, image_to_blocks, nested_of_raster
from convmae.kernels import LOADED, kernels
from convmae.masking import sample_blocks, take_blocks
from models import agree

TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-12, torch.bfloat16: 1e-2}
NESTING, GRID = (2, 2), (3, 2)
ORDER = nested_of_raster(NESTING)


def random(*shape, dtype=torch.float32, grad=False, seed=0):
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_(grad)


def blocks(batch=2, channels=5, dtype=torch.float32, grad=False):
    """Visible blocks of a grid, and which they are."""
    kept = sample_blocks(random(batch, GRID[0] * GRID[1]), 3, GRID).kept
    return random(batch, 3, 16, channels, dtype=dtype, grad=grad), kept


def plain_attention(qkv, heads):
    q, k, v = qkv.unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2), scores.logsumexp(-1)


def plain_depthwise(x, weight, bias, kept):
    whole = x.new_zeros(x.shape[0], GRID[0] * GRID[1], *x.shape[2:])
    whole = whole.scatter(1, kept[:, :, None, None].expand(x.shape), x)
    out = F.conv2d(blocks_to_map(whole, GRID, NESTING), weight, bias, padding=weight.shape[3] // 2, groups=weight.shape[0])
    return take_blocks(image_to_blocks(out, GRID, NESTING), kept)


def plain_linear(x, weight, bias, scale=None, shift=None, eps=0.0):
    return F.linear(x if scale is None else F.layer_norm(x, x.shape[-1:], scale, shift, eps), weight, bias)


@unittest.skipUnless(LOADED, "there are no kernels beside the package")
class Kernels(unittest.TestCase):
    def compare(self, native, plain, inputs, types=(torch.float32, torch.float64, torch.bfloat16)):
        """First results and gradients of all inputs, which are made in float64."""
        for dtype in types:
            with self.subTest(dtype=dtype):
                own = [x.detach().to(dtype).requires_grad_() for x in inputs]
                wide = [x.detach().double().requires_grad_() for x in own]
                found, wanted = native(*own), plain(*wide)
                self.assertEqual(found.dtype, dtype)
                agree(self, found, wanted, "result", TOLERANCE[dtype])
                gradient = random(*wanted.shape, dtype=dtype, seed=1)
                found.backward(gradient)
                wanted.backward(gradient.double())
                for number, (one, other) in enumerate(zip(own, wide)):
                    agree(self, one.grad, other.grad, f"gradient {number}", 4 * TOLERANCE[dtype])

    def test_layer_norm(self):
        for shape in ((1, 1, 7), (3, 5, 33), (40, 64), (0, 8)):
            inputs = random(*shape), random(shape[-1]), random(shape[-1], seed=3)
            self.compare(lambda x, w, b: kernels.layer_norm(x, w, b, 1e-6)[0],
                         lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b, 1e-6), inputs)

    def test_gelu(self):
        for shape in ((7,), (3, 1000), (0, 4)):
            self.compare(lambda x: kernels.gelu(3 * x), lambda x: F.gelu(3 * x), [random(*shape)],
                         (torch.float32, torch.bfloat16))
        x, grad = random(3, 50), random(3, 50, seed=1)
        wanted = kernels.gelu_backward(grad, x)
        self.assertTrue(torch.equal(kernels.gelu_both_(grad, x), kernels.gelu(x)))
        agree(self, grad, wanted, tolerance=1e-6)

    def test_attention(self):
        for batch, tokens, heads, dim in ((1, 1, 1, 4), (2, 13, 3, 8), (2, 50, 2, 33), (0, 4, 2, 8)):
            self.compare(lambda x: kernels.attention(x, heads)[0], lambda x: plain_attention(x, heads)[0],
                         [random(batch, tokens, 3 * heads * dim)])
        qkv = random(2, 13, 48)
        agree(self, kernels.attention(qkv, 2)[1], plain_attention(qkv, 2)[1])

    def test_depthwise(self):
        for kernel, channels in ((1, 1), (5, 5), (9, 33)):
            x, kept = blocks(channels=channels)
            inputs = x, random(channels, 1, kernel, kernel), random(channels)
            self.compare(lambda x, w, b: kernels.depthwise(x, w, b, kept, GRID, ORDER),
                         lambda x, w, b: plain_depthwise(x, w, b, kept), inputs)
            agree(self, kernels.depthwise(*inputs[:2], None, kept, GRID, ORDER), plain_depthwise(*inputs[:2], None, kept))
        self.assertEqual(kernels.depthwise(x[:0], inputs[1], None, kept[:0], GRID, ORDER).shape, (0, 3, 16, 33))

    def test_matrices(self):
        for rows, columns in ((1, 1), (70, 33), (500, 64), (0, 5), (5, 0)):
            for dtype in TOLERANCE:
                x = random(rows, columns, dtype=dtype)
                sums = kernels.column_sums(x)
                self.assertEqual(sums.dtype, torch.float64 if dtype == torch.float64 else torch.float32)
                agree(self, sums, x.double().sum(0), tolerance=1e-5)
                turned = kernels.transpose(x)
                self.assertTrue(turned.is_contiguous() and torch.equal(turned, x.t()))
        x = random(33, 70)
        self.assertTrue(torch.equal(kernels.transpose(x.t()), x))

    def test_linear_and_norm(self):
        inputs = random(2, 5, 12), random(9, 12), random(9), random(12), random(12, seed=4)
        self.compare(lambda *a: kernels.linear(*a, 1e-6)[0], lambda *a: plain_linear(*a, 1e-6), inputs)
        self.compare(lambda x, w, b: kernels.linear(x, w, b, None, None, 0.0)[0], plain_linear, inputs[:3])
        self.compare(lambda x, w: kernels.linear(x, w, None, None, None, 0.0)[0], lambda x, w: F.linear(x, w), inputs[:2])

    def test_mlp(self):
        def plain(x, w1, b1, w2, b2, scale, shift):
            return F.linear(F.gelu(plain_linear(x, w1, b1, scale, shift, 1e-6)), w2, b2)

        inputs = (random(2, 5, 12), random(20, 12), random(20), random(12, 20), random(12), random(12, seed=2),
                  random(12, seed=3))
        self.compare(lambda *a: kernels.mlp(*a, 1e-6)[0], plain, inputs)

    def test_attention_and_projection(self):
        inputs = random(2, 7, 24), random(6, 8), random(6)
        self.compare(lambda x, w, b: kernels.projected_attention(x, 2, w, b)[0],
                     lambda x, w, b: F.linear(plain_attention(x, 2)[0], w, b), inputs)

    def test_parameters_may_be_wider_than_activations(self):
        x = random(4, 12, dtype=torch.bfloat16, grad=True)
        weight, bias, scale, shift = (random(*shape, grad=True) for shape in ((9, 12), (9,), (12,), (12,)))
        kernels.linear(x, weight, bias, scale, shift, 1e-6)[0].float().sum().backward()
        self.assertEqual(x.grad.dtype, torch.bfloat16)
        for parameter in (weight, bias, scale, shift):
            self.assertEqual(parameter.grad.dtype, torch.float32)

    def test_a_factor_may_be_turned_over(self):
        """As where there is AMX."""
        gradients = []
        for turned in (False, True):
            x, weight = random(40, 12, dtype=torch.bfloat16), random(9, 12, grad=True)
            with mock.patch.object(fused, "TURNS_FACTORS", turned):
                kernels.linear(x, weight, None, None, None, 0.0)[0].float().square().sum().backward()
            gradients.append(weight.grad)
        agree(self, *gradients, tolerance=1e-2)

    def test_products_may_be_those_of_either_library(self):
        """And their gradients, whose second factor is the larger one here, then the first."""
        for chosen in (set(), {torch.float32}):
            with mock.patch.object(fused, "TO_ONEDNN", chosen):
                for inputs in ((random(300, 12), random(40, 12), random(40)), (random(300, 40), random(12, 40), random(12)),
                               (random(0, 12), random(40, 12), random(40))):
                    self.compare(lambda x, w, b: kernels.linear(x, w, b, None, None, 0.0)[0], plain_linear, inputs,
                                 (torch.float32,))

    def test_threads_change_no_bit(self):
        x, kept = blocks(channels=64)
        inputs = ((kernels.layer_norm_backward, (random(300, 64), random(300, 64), random(64), random(64),
                                                 random(300), random(300).abs())),
                  (kernels.column_sums, (random(300, 64),)), (kernels.attention, (random(2, 13, 48), 2)),
                  (kernels.depthwise_taps, (x, x, kept, GRID, ORDER, 5)))
        for operator, arguments in inputs:
            results = []
            for threads in (1, 2):
                torch.set_num_threads(threads)
                found = operator(*arguments)
                results.append([found] if isinstance(found, torch.Tensor) else found)
            torch.set_num_threads(1)
            for one, other in zip(*results):
                self.assertTrue(torch.equal(one, other))

    def test_pytorch_finds_nothing_wrong_with_any(self):
        x, kept = blocks(grad=True)
        w, b = random(5, 1, 5, 5, grad=True), random(5, grad=True)
        rows, matrix, vector = random(6, 12, grad=True), random(9, 12, grad=True), random(9, grad=True)
        scale, shift = random(12, grad=True), random(12, grad=True)
        qkv = random(2, 7, 24, grad=True)
        differentiable = (
            (kernels.layer_norm, (rows, scale, shift, 1e-6)), (kernels.gelu, (rows,)), (kernels.attention, (qkv, 2)),
            (kernels.depthwise, (x, w, b, kept, GRID, ORDER)), (kernels.linear, (rows, matrix, vector, scale, shift, 1e-6)),
            (kernels.linear, (rows, matrix, None, None, None, 0.0)),
            (kernels.mlp, (rows, matrix, vector, random(12, 9, grad=True), random(12, grad=True), scale, shift, 1e-6)),
            (kernels.projected_attention, (qkv, 2, random(6, 8, grad=True), random(6, grad=True))))
        free = [x.detach() for x in (rows, matrix, scale, shift, qkv, vector)]
        rows, matrix, scale, shift, qkv, vector = free
        y, mean, deviation = kernels.layer_norm(rows, scale, shift, 1e-6)
        out, log_sum = kernels.attention(qkv, 2)
        x = x.detach()
        others = (
            (kernels.layer_norm_backward, (y, rows, scale, shift, mean, deviation)), (kernels.gelu_backward, (y, rows)),
            (kernels.gelu_both_, (y, rows)), (kernels.attention_backward, (out, qkv, log_sum, 2)),
            (kernels.depthwise_taps, (x, x, kept, GRID, ORDER, 5)), (kernels.column_sums, (rows,)),
            (kernels.transpose, (rows,)),
            (kernels.linear_backward, (random(6, 9), rows, matrix, scale, shift, mean, deviation, [True, True, False])),
            (kernels.mlp_backward, (rows, rows, matrix, random(12, 9), scale, shift, random(6, 9), mean, deviation,
                                    [True, False, True, True])),
            (kernels.projected_attention_backward, (random(2, 7, 6), qkv, 2, random(6, 8), log_sum, [True, False])))
        for operator, arguments in differentiable + others:
            with self.subTest(operator=str(operator)):
                opcheck(operator.default, arguments)

    def test_a_second_derivative_raises(self):
        x, kept = blocks(grad=True)
        weight = random(5, 1, 3, 3, grad=True)
        rows, scale, shift = random(6, 12, grad=True), random(12, grad=True), random(12, grad=True)
        qkv = random(2, 7, 24, grad=True)
        for result in (kernels.layer_norm(rows, scale, shift, 1e-6)[0], kernels.gelu(rows), kernels.attention(qkv, 2)[0],
                       kernels.depthwise(x, weight, None, kept, GRID, ORDER),
                       kernels.linear(rows, random(9, 12), None, scale, shift, 1e-6)[0]):
            with self.assertRaisesRegex(RuntimeError, "second derivative"):
                torch.autograd.grad(result.square().sum(), [x for x in (rows, qkv, x)], create_graph=True,
                                    allow_unused=True)
        with self.assertRaisesRegex(RuntimeError, "no derivative"):
            kernels.transpose(rows).sum().backward()

    def test_wrong_arguments_raise(self):
        x, kept = blocks()
        weight, rows, qkv = random(5, 1, 5, 5), random(6, 12), random(2, 7, 24)
        scale = random(12)
        flat = lambda **more: {"x": x, "weight": weight, "bias": None, "kept": kept, "grid": GRID, "order": ORDER} | more
        wrong = [
            (kernels.layer_norm, (rows, random(11), scale, 1e-6)), (kernels.layer_norm, (rows, scale, random(2, 6), 1e-6)),
            (kernels.layer_norm, (rows.half(), scale, scale, 1e-6)), (kernels.layer_norm, (random(3, 0), *[random(0)] * 2, 0)),
            (kernels.layer_norm, (rows.long(), scale, scale, 1e-6)), (kernels.layer_norm, (torch.tensor(1.0), scale, scale, 0)),
            (kernels.layer_norm_backward, (random(5, 12), rows, scale, scale, random(6), random(6))),
            (kernels.layer_norm_backward, (rows, rows, scale, scale, random(5), random(6))),
            (kernels.layer_norm_backward, (rows.double(), rows, scale, scale, random(6), random(6))),
            (kernels.gelu, (rows.double(),)), (kernels.gelu_both_, (random(5, 12), rows)),
            (kernels.gelu_both_, (random(12, 6).t(), rows)),
            (kernels.gelu_backward, (rows.bfloat16(), rows)),
            (kernels.attention, (qkv, 3)), (kernels.attention, (qkv, 0)), (kernels.attention, (qkv, -1)),
            (kernels.attention, (rows, 2)), (kernels.attention, (random(2, 7, 0), 2)),
            (kernels.attention_backward, (random(2, 7, 9), qkv, random(2, 2, 7), 2)),
            (kernels.attention_backward, (random(2, 7, 8), qkv, random(2, 7), 2)),
            (kernels.column_sums, (qkv,)), (kernels.transpose, (qkv,)), (kernels.transpose, (rows.half(),)),
            (kernels.depthwise_taps, (x[:, :2], x, kept, GRID, ORDER, 5)),
            (kernels.depthwise_taps, (x, x, kept, GRID, ORDER, 4)), (kernels.depthwise_taps, (x, x, kept, GRID, ORDER, -1))]
        changes = [{"x": x[0]}, {"x": x[:, :, :15]}, {"weight": random(4, 1, 5, 5)}, {"weight": random(5, 1, 4, 4)},
                   {"weight": random(5, 1, 17, 17)}, {"weight": random(5, 5)}, {"bias": random(4)}, {"kept": kept.float()},
                   {"kept": kept + 6}, {"kept": kept - 9}, {"kept": kept * 0}, {"kept": kept[:, :2]}, {"grid": (3,)},
                   {"grid": (0, 2)}, {"grid": (1, 2)}, {"grid": (2**40, 2**40)}, {"order": ORDER[:-1]},
                   {"order": [0] * 16}, {"order": [99] * 16}, {"order": [-1] * 16}, {"x": x.half()}]
        for operator, arguments in wrong + [(kernels.depthwise, tuple(flat(**change).values())) for change in changes]:
            with self.subTest(operator=str(operator)), self.assertRaises(RuntimeError):
                operator(*arguments)

    def test_the_library_knows_no_version_of_torch(self):
        """Whatever it takes from outside is in the C library or its runtime, or is a C function of PyTorch's stable ABI."""
        path = os.environ["CONVMAE_KERNELS"]
        symbols = subprocess.run(["nm", "-D", "--undefined-only", path], capture_output=True, text=True, check=True).stdout
        names = [line.split()[-1].split("@")[0] for line in symbols.splitlines()]
        self.assertTrue(any(name.startswith(("aoti_torch_", "torch_")) for name in names))
        for name in names:
            self.assertIsNone(re.match(r"_Z\w*(2at|3c10|5torch|6caffe2)", name), name)
            self.assertIsNone(re.match(r"_?Py", name), name)
        exported = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True, check=True).stdout
        self.assertEqual(re.findall(r" [TBD] (?!_init|_fini)(\S+)", exported), [])


if __name__ == "__main__":
    unittest.main()
