"""Cuts a photograph into square crops: a grid without overlap at several scales."""

from collections.abc import Iterator

from PIL import Image, ImageStat

SIDE = 224
# a photograph smaller than this would be blown up to fill a crop
SMALLEST_SIDE = 160
# standard deviation of the grey values below which a crop shows nothing: sky, a wall, blur
FLAT = 12.0

# Held-out crops of one photograph: more would let a few large photographs decide the mean.
MOST_HELD_OUT = 24


def scales(width: int, height: int) -> list[tuple[int, int]]:
    """The sizes at which a photograph is cut: full, half, quarter, ... and the one whose short side is SIDE."""
    short = min(width, height)
    if short < SMALLEST_SIDE:
        return []
    sizes = []
    divisor = 1
    # a scale within a quarter of the last one would repeat its content
    while short / divisor >= 1.25 * SIDE:
        sizes.append((width // divisor, height // divisor))
        divisor *= 2
    sizes.append((max(SIDE, round(width * SIDE / short)), max(SIDE, round(height * SIDE / short))))
    return sizes


def grid(length: int) -> list[int]:
    """Where the crops of one axis begin: as many as fit, centred."""
    count = length // SIDE
    start = (length - count * SIDE) // 2
    return [start + i * SIDE for i in range(count)]


def crops(photo: Image.Image) -> Iterator[tuple[str, Image.Image]]:
    """The crops of one photograph that show something, each with a name that is unique within it."""
    photo = photo.convert("RGB")
    for level, size in enumerate(scales(*photo.size)):
        scaled = photo if size == photo.size else photo.resize(size, Image.Resampling.BICUBIC)
        for row, top in enumerate(grid(size[1])):
            for column, left in enumerate(grid(size[0])):
                crop = scaled.crop((left, top, left + SIDE, top + SIDE))
                if ImageStat.Stat(crop.convert("L")).stddev[0] >= FLAT:
                    yield f"{level}_{row}_{column}", crop


def spread(count: int, most: int) -> list[int]:
    """The indices of at most `most` of `count` things, evenly spread, the last one included."""
    chosen = min(count, most)
    return [(i + 1) * count // chosen - 1 for i in range(chosen)]
