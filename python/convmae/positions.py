"""How a transformer knows where a token lies: tables of absolute and of relative positions."""

import torch
import torch.nn.functional as F


def sincos_table(dim, grid, class_token=False):
    """[1, L, D] as published: the first half encodes columns, the second rows; zeros for a class token."""

    def encode(positions):
        quarter = dim // 4
        angle = torch.outer(positions, 10000.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter))
        return torch.cat([angle.sin(), angle.cos()], 1)

    rows = torch.arange(grid[0], dtype=torch.float64).repeat_interleave(grid[1])
    columns = torch.arange(grid[1], dtype=torch.float64).repeat(grid[0])
    table = torch.cat([encode(columns), encode(rows)], 1)
    if class_token:
        table = torch.cat([torch.zeros(1, dim, dtype=torch.float64), table])
    return table.float().unsqueeze(0)


def resize_positions(table, old, new, leading=0):
    """A table [1, leading + L, D] for another grid, bicubically; what is for class tokens stays."""
    if tuple(old) == tuple(new):
        return table
    places = table[:, leading:].unflatten(1, tuple(old)).permute(0, 3, 1, 2)
    # In float32 at least: bicubic weights have negative parts.
    resized = F.interpolate(places.float() if table.dtype in (torch.float16, torch.bfloat16) else places,
                            size=tuple(new), mode="bicubic", align_corners=False).to(table.dtype)
    return torch.cat([table[:, :leading], resized.flatten(2).transpose(1, 2)], 1)


def relative_bias(table, old, new, places=None):
    """What attention adds to its scores: of a table of distances [(2h-1)(2w-1), heads] made for grid `old`, resized
    bilinearly for grid `new`: [1, heads, L, L], or [rows, heads, V, V] for tokens in `places` [rows, V]."""
    height, width = new
    if tuple(old) != tuple(new):
        distances = table.t().reshape(1, -1, 2 * old[0] - 1, 2 * old[1] - 1)
        distances = F.interpolate(distances, size=(2 * height - 1, 2 * width - 1), mode="bilinear", align_corners=False)
        table = distances.flatten(2).squeeze(0).t()
    if places is None:
        places = torch.arange(height * width, device=table.device).unsqueeze(0)
    row, column = places // width, places % width
    down = row.unsqueeze(2) - row.unsqueeze(1) + height - 1
    right = column.unsqueeze(2) - column.unsqueeze(1) + width - 1
    return table[down * (2 * width - 1) + right].permute(0, 3, 1, 2)
