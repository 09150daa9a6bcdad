"""How pixels and cells lie: blocks in rows, cells inside a block in nested order (docs/method.md).

`nesting` lists the cells along a side, level by level from the outside: stage 1 of the published strides has (2, 2).
"""

import math


def image_to_blocks(images, grid, nesting):
    """[B, C, H, W] -> [B, blocks, cells of a block, C]."""
    batch, channels = images.shape[:2]
    levels = len(nesting)
    x = images.reshape(batch, channels, grid[0], *nesting, grid[1], *nesting)
    order = [0, 2, 3 + levels]
    for level in range(levels):
        order += [3 + level, 4 + levels + level]
    return x.permute(*order, 1).reshape(batch, grid[0] * grid[1], math.prod(nesting) ** 2, channels)


def blocks_to_map(blocks, grid, nesting):
    """[B, blocks, cells, C] -> [B, C, h * side, w * side], channels last in memory."""
    batch, channels = blocks.shape[0], blocks.shape[-1]
    levels, side = len(nesting), math.prod(nesting)
    x = blocks.reshape(batch, *grid, *(count for count in nesting for _ in range(2)), channels)
    rows = [3 + 2 * level for level in range(levels)]
    columns = [4 + 2 * level for level in range(levels)]
    x = x.permute(0, 1, *rows, 2, *columns, 3 + 2 * levels)
    return x.reshape(batch, grid[0] * side, grid[1] * side, channels).permute(0, 3, 1, 2)


def join_cells(x, groups):
    """[B, V, P, C] -> [B, V, groups, P / groups * C]: a view, thanks to nested order."""
    return x.reshape(x.shape[0], x.shape[1], groups, x.shape[2] // groups * x.shape[3])


def patch_matrix(weight, nesting):
    """[out, in, k, k] -> [out, cells * in], for patches whose cells lie in nested order."""
    levels, (out, channels) = len(nesting), weight.shape[:2]
    # In two steps, of which both copy whole rows of channels on the way back.
    x = weight.permute(0, 2, 3, 1).contiguous().view(out, *nesting, *nesting, channels)
    order = [0]
    for level in range(levels):
        order += [1 + level, 1 + levels + level]
    return x.permute(*order, 1 + 2 * levels).flatten(1)


def patches_as_images(x, nesting, channels):
    """Patches [..., cells * C] -> [N, C, k, k]."""
    levels, side = len(nesting), math.prod(nesting)
    x = x.reshape(-1, *(count for count in nesting for _ in range(2)), channels)
    rows = [1 + 2 * level for level in range(levels)]
    columns = [2 + 2 * level for level in range(levels)]
    return x.permute(0, 1 + 2 * levels, *rows, *columns).reshape(-1, channels, side, side)


def nested_of_raster(nesting):
    """The number in nested order of every cell of a block, in raster order."""
    side = math.prod(nesting)
    numbers = []
    for y in range(side):
        for x in range(side):
            number, inner = 0, side
            for outer in nesting:
                inner //= outer
                number = number * outer * outer + (y // inner % outer) * outer + x // inner % outer
            numbers.append(number)
    return numbers
