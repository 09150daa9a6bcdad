"""Which blocks a pass of the encoder sees."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Visibility:
    """Blocks by their number in the grid, row by row, ascending. There may be several rows an image."""

    kept: Tensor  # [rows, V]
    slot: Tensor  # [rows, h, w] the row of `kept` in which a block is, or -1
    removed: Tensor  # [rows, L - V]

    def mask(self):
        """[rows, L] 0 = kept, 1 = removed."""
        return (self.slot.flatten(1) < 0).float()


def visibility_of(kept, grid):
    """Of block numbers [rows, V], in any order."""
    rows, count = kept.shape
    length = grid[0] * grid[1]
    kept = kept.sort(dim=1).values
    slot = kept.new_full((rows, length), -1)
    slot = slot.scatter(1, kept, torch.arange(count, device=kept.device).expand(rows, count))
    # A stable order of what is there (1) and what is not (0): the removed ones first, ascending.
    removed = (slot >= 0).to(torch.uint8).argsort(dim=1, stable=True)[:, : length - count]
    return Visibility(kept, slot.view(rows, *grid), removed)


def all_visible(rows, grid, device):
    length = grid[0] * grid[1]
    kept = torch.arange(length, device=device).expand(rows, length).contiguous()
    return Visibility(kept, kept.view(rows, *grid), kept[:, :0])


def num_kept(length, mask_ratio):
    return int(length * (1 - mask_ratio))


def sample_blocks(noise, count, grid):
    """Keeps the `count` blocks with the smallest numbers of noise [B, L]."""
    return visibility_of(noise.argsort(dim=1, stable=True)[:, :count], grid)


def sample_complementary(noise, groups, grid):
    """FastConvMAE: views that share the blocks out. One batch of all views, and an uneven last one by itself."""
    order = noise.argsort(dim=1, stable=True)
    length = order.shape[1]
    count = length // groups
    even = groups if length % groups == 0 else groups - 1
    passes = [visibility_of(torch.cat([order[:, g * count : (g + 1) * count] for g in range(even)]), grid)]
    if even < groups:
        passes.append(visibility_of(order[:, even * count :], grid))
    return passes


def take_blocks(blocks, chosen):
    """Of blocks [B, L, ...] the chosen ones [rows, n], where rows are views of the B images, one view behind another."""
    images, length = blocks.shape[:2]
    rows, count = chosen.shape
    image = torch.arange(images, device=chosen.device)
    if rows != images:
        image = image.repeat(rows // images)
    index = (image.unsqueeze(1) * length + chosen).flatten()
    return blocks.flatten(0, 1).index_select(0, index).view(rows, count, *blocks.shape[2:])
