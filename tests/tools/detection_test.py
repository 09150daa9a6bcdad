"""The set for detection: what is held out shares no picture with training, and masks say what is seen."""

import sys
import unittest
from collections import defaultdict
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

from detection import compose  # noqa: E402
from photos import sources  # noqa: E402

MANIFEST = sources.read_manifest(TOOLS / "detection" / "manifest.tsv")


def cutout(number: int, category: str) -> compose.Cutout:
    """A disc or a ring of a colour of its own."""
    picture = Image.new("RGBA", (60, 40))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((0, 0, 59, 39), fill=(40 * number, 255 - 40 * number, 128, 255))
    if number % 2:
        draw.ellipse((20, 10, 40, 30), fill=(0, 0, 0, 0))
    return compose.Cutout(f"{category}-{number}", category, picture)


CUTOUTS = {"coin": [cutout(0, "coin"), cutout(1, "coin")], "fish": [cutout(2, "fish"), cutout(3, "fish")]}
BACKGROUNDS = [compose.Background(f"photo-{i}", Image.new("RGB", (200 + 50 * i, 150), (i, i, i)))
               for i in range(3)]


def pixels_of(runs: list[int], size: tuple[int, int]) -> Image.Image:
    columns = bytearray()
    for i, run in enumerate(runs):
        columns += bytes([255 * (i % 2)]) * run
    height, width = size
    return Image.frombytes("L", (height, width), bytes(columns)).transpose(Image.Transpose.TRANSPOSE)


class Manifest(unittest.TestCase):
    def test_no_picture_is_on_both_sides(self):
        sides = defaultdict(set)
        for source in MANIFEST:
            for key in (source.sha256, (source.package, source.path)):
                sides[key].add(source.split)
        self.assertEqual([key for key, splits in sides.items() if len(splits) > 1], [])
        self.assertEqual({source.split for source in MANIFEST}, {"train", "val"})

    def test_what_is_held_out_here_is_not_pretrained_on(self):
        photos = {source.sha256: source.split
                  for source in sources.read_manifest(TOOLS / "photos" / "manifest.tsv")}
        shared = [source for source in MANIFEST if source.sha256 in photos]
        self.assertGreater(len(shared), 100)
        self.assertEqual([source for source in shared if photos[source.sha256] != source.split], [])

    def test_every_category_is_on_both_sides(self):
        categories = {split: {source.category for source in MANIFEST
                              if source.split == split and source.kind == "stamp"}
                      for split in ("train", "val")}
        self.assertEqual(categories["train"], categories["val"])
        self.assertEqual(len(categories["train"]), 20)


class Compositions(unittest.TestCase):
    def compose(self, number: int, seed: int = 0) -> compose.Composition:
        return compose.compose(CUTOUTS, BACKGROUNDS, 128, seed, "train", number)

    def test_depend_on_seed_and_number_alone(self):
        first = self.compose(5)
        self.compose(6)
        again = self.compose(5)
        self.assertEqual(first.picture.tobytes(), again.picture.tobytes())
        self.assertEqual(compose.annotations(first, 1, ["coin", "fish"]),
                         compose.annotations(again, 1, ["coin", "fish"]))
        self.assertNotEqual(first.picture.tobytes(), self.compose(5, seed=1).picture.tobytes())

    def test_use_what_they_were_given_alone(self):
        names = {cutout.name for group in CUTOUTS.values() for cutout in group}
        seen, behind = set(), set()
        for number in range(40):
            composition = self.compose(number)
            seen |= {part.cutout.name for part in composition.parts}
            behind.add(composition.background.name)
        self.assertEqual(seen, names)
        self.assertEqual(behind, {background.name for background in BACKGROUNDS})

    def test_masks_are_what_is_seen(self):
        objects = 0
        for number in range(40):
            composition = self.compose(number)
            self.assertEqual(max(composition.picture.size), 128)
            found = compose.annotations(composition, 9, ["coin", "fish"])
            self.assertLessEqual(len(found), compose.MOST)
            covered = Image.new("L", composition.picture.size)
            for part, annotation in zip(composition.parts, found, strict=True):
                size = annotation["segmentation"]["size"]
                self.assertEqual(size, [composition.picture.height, composition.picture.width])
                mask = pixels_of(annotation["segmentation"]["counts"], size)
                self.assertEqual(mask.tobytes(), part.mask.tobytes())
                left, top, width, height = annotation["bbox"]
                self.assertEqual(mask.getbbox(), (left, top, left + width, top + height))
                self.assertEqual(annotation["area"], sum(annotation["segmentation"]["counts"][1::2]))
                self.assertGreaterEqual(annotation["area"], compose.FEWEST_PIXELS)
                self.assertIsNone(ImageChops.darker(covered, mask).getbbox(), "no pixel is of two objects")
                covered = ImageChops.lighter(covered, mask)
                objects += 1
            # Where there is no object, one sees the photograph: of one grey value, but for soft edges.
            grey = composition.background.picture.getpixel((0, 0))
            seen = composition.picture.copy()
            seen.paste(grey, (0, 0), covered)
            share = sum(pixel != grey for pixel in seen.get_flattened_data()) / (seen.width * seen.height)
            self.assertLess(share, 0.1)
        self.assertGreater(objects, 100)

    def test_run_lengths_go_down_the_columns(self):
        mask = Image.new("L", (3, 2))
        self.assertEqual(compose.run_lengths(mask), [6])
        mask.putpixel((1, 0), 255)
        mask.putpixel((0, 1), 255)
        self.assertEqual(compose.run_lengths(mask), [1, 2, 3])
        mask.putpixel((0, 0), 255)
        self.assertEqual(compose.run_lengths(mask), [0, 3, 3])
        self.assertEqual(compose.run_lengths(Image.new("L", (3, 2), 255)), [0, 6])

    def test_colours_behind_transparency_do_not_bleed(self):
        picture = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
        picture.paste((0, 0, 255, 255), (10, 10, 30, 30))
        for changed in (compose.resized(picture, 0.5), compose.turned(picture, 20)):
            reds = [red for red, _, _, alpha in changed.get_flattened_data() if alpha > 8]
            self.assertLess(max(reds), 40)


if __name__ == "__main__":
    unittest.main()
