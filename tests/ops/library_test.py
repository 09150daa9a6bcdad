"""The operator as Python sees it: torch.ops.load_library, autograd, shapes without data."""

import os
import unittest

import torch

torch.ops.load_library(os.environ["CONVMAE_OPS_LIBRARY"])
conv = torch.ops.convmae.masked_depthwise_conv2d
roi_align = torch.ops.convmae.roi_align


def example(requires_grad):
    """Two images of 2x3 blocks, four of them visible, 2x2 cells, 3 channels, kernel 5."""
    torch.manual_seed(0)
    kept = torch.tensor([[0, 2, 3, 5], [1, 2, 4, 5]])
    slot = torch.full((2, 6), -1)
    slot.scatter_(1, kept, torch.arange(4).expand(2, 4).contiguous())
    real = lambda *shape: torch.randn(*shape, dtype=torch.float64, requires_grad=requires_grad)
    return real(2, 4, 4, 3), real(3, 1, 5, 5), real(3), kept, slot.view(2, 2, 3), [2]


def boxes_on_maps(requires_grad):
    """Two maps of 5x6 pixels and 2 channels; boxes inside, across an edge, empty; none at all."""
    torch.manual_seed(0)
    maps = torch.randn(2, 2, 5, 6, dtype=torch.float64, requires_grad=requires_grad)
    boxes = torch.tensor([[1.3, 0.6, 8.1, 6.2], [-4.2, 3.1, 5.5, 14.4], [2.0, 2.0, 2.0, 2.0]], dtype=torch.float64)
    images = torch.tensor([1, 0, 1])
    grid = (0.5, 2, 3, 0, True)
    return (maps, boxes, images, *grid), (maps, boxes[:0], images[:0], *grid)


class Library(unittest.TestCase):
    def test_gradients(self):
        self.assertTrue(torch.autograd.gradcheck(conv, example(requires_grad=True)))
        x, weight, _, kept, slot, nesting = example(requires_grad=True)
        self.assertTrue(torch.autograd.gradcheck(conv, (x, weight, None, kept, slot, nesting)))

    def test_gradients_of_roi_align(self):
        for arguments in boxes_on_maps(requires_grad=True):
            self.assertTrue(torch.autograd.gradcheck(roi_align, arguments))

    def test_registration(self):
        for arguments in boxes_on_maps(requires_grad=True):
            torch.library.opcheck(
                roi_align, arguments, test_utils=("test_schema", "test_autograd_registration", "test_faketensor"))
        torch.library.opcheck(
            conv, example(requires_grad=True), test_utils=("test_schema", "test_autograd_registration", "test_faketensor"))

    def test_errors_are_exceptions(self):
        x, weight, bias, kept, slot, nesting = example(requires_grad=False)
        with self.assertRaisesRegex(RuntimeError, "odd k of at most 15"):
            conv(x, weight[:, :, :4, :4], bias, kept, slot, nesting)
        with self.assertRaisesRegex(RuntimeError, "disagree"):
            conv(x, weight, bias, kept + 1, slot, nesting)


if __name__ == "__main__":
    unittest.main(verbosity=2)
