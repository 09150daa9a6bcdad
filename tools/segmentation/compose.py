"""Composes pictures of which it is known of every pixel what it shows: regions of photographs and of
materials, with cut-outs pasted on them.

A picture is a function of the sources, the seed, the split and its number alone: neither how many are
made nor in which process plays a part.
"""

import math
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw

from detection.compose import Background, Cutout, Draws, cropped, pixels, placed

# Of no class: rims of cut-outs, where two things are seen at once, and borders of regions.
UNLABELLED = 0
# The class of a region that shows a photograph.
SCENE = "scene"
FEWEST_BORDERS, MOST_BORDERS = 1, 2
BORDER = 3  # pixels that are of no class along a border
MOST_DISPLACED = 0.35  # how far a border strays from a straight line, as a share of the side
FEWEST_THINGS, MOST_THINGS = 2, 4
# The long side of a cut-out as a share of the picture's.
SMALLEST, LARGEST = 0.25, 0.75
SCENES = 0.25  # the share of regions that show a photograph
# Pixels of a cut-out that are less opaque are not seen, those that are more are its own.
SEEN, OPAQUE = 51, 204
ATTEMPTS = 10
FEWEST_PIXELS = 64  # of a cut-out


class Texture(NamedTuple):
    name: str
    category: str
    picture: Image.Image  # RGB


class Sources(NamedTuple):
    """Of one split; textures and cut-outs by category."""

    backgrounds: list[Background]
    textures: dict[str, list[Texture]]
    cutouts: dict[str, list[Cutout]]


class Composition(NamedTuple):
    picture: Image.Image
    labels: Image.Image  # of mode L: ids of classes, UNLABELLED or 1..
    names: list[str]  # of the sources that were used


def class_names(sources: list[Sources]) -> list[str]:
    """In the order of their ids, from 1 on: materials, scenes, things."""
    textures = sorted(set().union(*(own.textures for own in sources)))
    things = sorted(set().union(*(own.cutouts for own in sources)))
    return [*textures, SCENE, *things]


def curve(start: tuple[float, float], end: tuple[float, float], draws: Draws) -> list[tuple[float, float]]:
    """A line that strays, by displacing midpoints."""
    points = [start, end]
    stray = MOST_DISPLACED
    for _ in range(6):
        between = []
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            shift = draws.uniform(-stray, stray) / 2
            between.append(((x0 + x1) / 2 + shift * (y1 - y0), (y0 + y1) / 2 - shift * (x1 - x0)))
        points = [point for pair in zip(points, between) for point in pair] + [points[-1]]
    return points


def border(side: int, draws: Draws) -> list[tuple[float, float]]:
    """A curve from outside the picture to outside, past its middle."""
    angle = draws.uniform(0, 2 * math.pi)
    middle = [side * draws.uniform(0.3, 0.7) for _ in range(2)]
    reach = [1.5 * side * part for part in (math.cos(angle), math.sin(angle))]
    ends = [tuple(m + sign * r for m, r in zip(middle, reach, strict=True)) for sign in (-1, 1)]
    return curve(ends[0], ends[1], draws)


def side_of(points: list[tuple[float, float]], side: int) -> Image.Image:
    """255 on one side of a curve."""
    mask = Image.new("L", (side, side))
    (x0, y0), (x1, y1) = points[0], points[-1]
    away = (4 * (y1 - y0), -4 * (x1 - x0))
    ImageDraw.Draw(mask).polygon(
        [*points, (x1 + away[0], y1 + away[1]), (x0 + away[0], y0 + away[1])], fill=255)
    return mask


def regions_of(borders: list[list[tuple[float, float]]], side: int) -> list[Image.Image]:
    """Masks of the parts into which borders divide a picture; no pixel is in two of them."""
    regions = [Image.new("L", (side, side), 255)]
    for points in borders:
        mask = side_of(points, side)
        regions = [part for region in regions
                   for part in (ImageChops.darker(region, mask), ImageChops.subtract(region, mask))]
    return [region for region in regions if region.getbbox() is not None]


def compose(sources: Sources, names: list[str], side: int, *key: object) -> Composition:
    """`names` are those of all classes. `key`: seed, split, number."""
    draws = Draws(*key)
    size = (side, side)
    picture, labels = Image.new("RGB", size), Image.new("L", size)
    used = []
    borders = [border(side, draws)
               for _ in range(FEWEST_BORDERS + draws.below(MOST_BORDERS - FEWEST_BORDERS + 1))]
    for region in regions_of(borders, side):
        if draws.uniform(0, 1) < SCENES:
            shown, category = draws.chosen(sources.backgrounds), SCENE
        else:
            category = draws.chosen(sorted(sources.textures))
            shown = draws.chosen(sources.textures[category])
        picture.paste(cropped(shown.picture, size, draws), (0, 0), region)
        labels.paste(names.index(category) + 1, (0, 0), region)
        used.append(shown.name)
    for points in borders:
        ImageDraw.Draw(labels).line(points, fill=UNLABELLED, width=BORDER)
    for _ in range(FEWEST_THINGS + draws.below(MOST_THINGS - FEWEST_THINGS + 1)):
        for _ in range(ATTEMPTS):
            cutout = draws.chosen(sources.cutouts[draws.chosen(sorted(sources.cutouts))])
            layer = placed(cutout, size, draws, SMALLEST, LARGEST)
            alpha = layer.getchannel("A")
            own = alpha.point(lambda value: 255 if value > OPAQUE else 0)
            if pixels(own) < FEWEST_PIXELS:
                continue
            picture.paste(layer, (0, 0), layer)
            labels.paste(UNLABELLED, (0, 0), alpha.point(lambda value: 255 if value >= SEEN else 0))
            labels.paste(names.index(cutout.category) + 1, (0, 0), own)
            used.append(cutout.name)
            break
    return Composition(picture, labels, used)


def palette(classes: int) -> list[int]:
    """A colour for each id, as Pillow takes it; black is of no class. Neighbours differ."""
    colours = [0, 0, 0]
    for k in range(classes):
        hue = (k * 0.618034) % 1 * 6
        value = 1 - 0.25 * (k % 3)
        for channel in range(3):
            distance = abs((hue - 2 * channel + 3) % 6 - 3)
            colours.append(round(255 * value * (0.15 + 0.85 * min(max(2 - distance, 0), 1))))
    return colours
