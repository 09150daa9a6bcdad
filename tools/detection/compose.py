"""Composes pictures of which it is known exactly what they show: cut-outs pasted on photographs.

A picture is a function of the sources, the seed, the split and its number alone: neither how many are
made nor in which process plays a part.
"""

import math
import random
import re
from typing import NamedTuple

from PIL import Image, ImageChops

# The long side of a cut-out as a share of the picture's.
SMALLEST, LARGEST = 0.12, 0.6
FEWEST, MOST = 2, 7
# Of an object at most this share is hidden behind later ones.
MOST_HIDDEN = 0.45
# Of a cut-out at most this share of each side lies beyond the border.
MOST_BEYOND = 0.25
MOST_TURNED = 20.0  # degrees
ATTEMPTS = 10
# Pixels of a cut-out that are less opaque are not of the object.
OPAQUE = 128
# Objects of fewer visible pixels are left away.
FEWEST_PIXELS = 24
# What is written on these would be mirrored too.
NEVER_MIRRORED = {"coin", "gravestone", "sign"}


class Cutout(NamedTuple):
    name: str
    category: str
    picture: Image.Image  # RGBA


class Background(NamedTuple):
    name: str
    picture: Image.Image  # RGB


class Part(NamedTuple):
    """An object in a picture; `mask` is of the picture's size, 0 or 255."""

    cutout: Cutout
    mask: Image.Image


class Composition(NamedTuple):
    picture: Image.Image
    background: Background
    parts: list[Part]


class Draws:
    """Draws by `random()` alone, the one method whose results Python promises to keep."""

    def __init__(self, *key: object):
        self._random = random.Random("/".join(str(part) for part in key))

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self._random.random()

    def below(self, count: int) -> int:
        return int(self._random.random() * count)

    def chosen(self, things: list):
        return things[self.below(len(things))]

    def coin(self) -> bool:
        return self._random.random() < 0.5


def shrunk(picture: Image.Image, longest: int) -> Image.Image:
    """Not larger than that; colours are not mixed with those of transparent pixels."""
    scale = longest / max(picture.size)
    return picture if scale >= 1 else resized(picture, scale)


def resized(picture: Image.Image, scale: float) -> Image.Image:
    size = tuple(max(1, round(side * scale)) for side in picture.size)
    if picture.mode != "RGBA":
        return picture.resize(size, Image.Resampling.BICUBIC)
    return picture.convert("RGBa").resize(size, Image.Resampling.BICUBIC).convert("RGBA")


def turned(picture: Image.Image, degrees: float) -> Image.Image:
    return picture.convert("RGBa").rotate(degrees, Image.Resampling.BICUBIC, expand=True).convert("RGBA")


def cropped_background(background: Background, side: int, draws: Draws) -> Image.Image:
    """A part of a photograph as a picture with that long side and a ratio between 3:4 and 4:3."""
    ratio = math.exp(draws.uniform(math.log(3 / 4), math.log(4 / 3)))
    size = (side, max(1, round(side / ratio))) if ratio >= 1 else (max(1, round(side * ratio)), side)
    return cropped(background.picture, size, draws)


def cropped(photo: Image.Image, size: tuple[int, int], draws: Draws) -> Image.Image:
    """A part of a photograph as a picture of that size, which may be mirrored."""
    share = draws.uniform(0.5, 1.0) * min(photo.width / size[0], photo.height / size[1])
    width, height = size[0] * share, size[1] * share
    left = draws.uniform(0, photo.width - width)
    top = draws.uniform(0, photo.height - height)
    picture = photo.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if draws.coin() else picture


def pixels(mask: Image.Image) -> int:
    return mask.histogram()[255]


def placed(cutout: Cutout, size: tuple[int, int], draws: Draws, smallest: float = SMALLEST,
           largest: float = LARGEST) -> Image.Image:
    """A cut-out resized, turned and at its place on a transparent picture."""
    longest = max(size) * math.exp(draws.uniform(math.log(smallest), math.log(largest)))
    picture = resized(cutout.picture, longest / max(cutout.picture.size))
    mirror = draws.coin() and cutout.category not in NEVER_MIRRORED
    if mirror:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = turned(picture, draws.uniform(-MOST_TURNED, MOST_TURNED))
    place = tuple(
        round(draws.uniform(-MOST_BEYOND * own, whole - (1 - MOST_BEYOND) * own))
        for own, whole in zip(picture.size, size, strict=True))
    layer = Image.new("RGBA", size)
    layer.paste(picture, place)
    return layer


def mask_of(layer: Image.Image) -> Image.Image:
    return layer.getchannel("A").point(lambda alpha: 255 if alpha >= OPAQUE else 0)


def compose(cutouts: dict[str, list[Cutout]], backgrounds: list[Background], side: int,
            *key: object) -> Composition:
    """`cutouts` by category. `key`: seed, split, number."""
    draws = Draws(*key)
    background = draws.chosen(backgrounds)
    picture = cropped_background(background, side, draws)
    wanted = FEWEST + draws.below(MOST - FEWEST + 1)
    categories = sorted(cutouts)
    parts: list[Part] = []
    whole: list[int] = []  # pixels before anything was put over them
    for _ in range(wanted):
        for _ in range(ATTEMPTS):
            cutout = draws.chosen(cutouts[draws.chosen(categories)])
            layer = placed(cutout, picture.size, draws)
            mask = mask_of(layer)
            left = [ImageChops.subtract(part.mask, mask) for part in parts]
            hides = any(pixels(now) < max(FEWEST_PIXELS, (1 - MOST_HIDDEN) * before)
                        for now, before in zip(left, whole, strict=True))
            if pixels(mask) < FEWEST_PIXELS or hides:
                continue
            # Edges are mixed with what lies behind them; whose pixel it is, the mask says.
            picture.paste(layer, (0, 0), layer)
            parts = [Part(part.cutout, now) for part, now in zip(parts, left, strict=True)]
            parts.append(Part(cutout, mask))
            whole.append(pixels(mask))
            break
    return Composition(picture, background, parts)


def run_lengths(mask: Image.Image) -> list[int]:
    """Down the columns, from left to right, beginning with pixels that are not in the mask."""
    columns = mask.transpose(Image.Transpose.TRANSPOSE).tobytes()
    runs, end = [], 0
    for run in re.finditer(rb"\xff+", columns):
        runs += [run.start() - end, run.end() - run.start()]
        end = run.end()
    return runs + ([len(columns) - end] if end < len(columns) or not runs else [])


def annotations(composition: Composition, image_id: int, categories: list[str]) -> list[dict]:
    """In COCO's form but for ids; `source` is the cut-out's name."""
    result = []
    for part in composition.parts:
        left, top, right, bottom = part.mask.getbbox()
        result.append({
            "image_id": image_id,
            "category_id": categories.index(part.cutout.category) + 1,
            "bbox": [left, top, right - left, bottom - top],
            "area": pixels(part.mask),
            "iscrowd": 0,
            "segmentation": {"size": [part.mask.height, part.mask.width],
                             "counts": run_lengths(part.mask)},
            "source": part.cutout.name,
        })
    return result
