"""The set of crowns, made of a small photograph and of XML as Pascal VOC has it."""

import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from PIL import Image, ImageDraw

from tool import load_tool

tool = load_tool("prepare_crowns")

# xmin, ymin, xmax, ymax from 1 on, the last pixel included. The first tile shows all of the first, three quarters of
# the second, a quarter of the third.
CROWNS = [(1, 1, 20, 10), (371, 101, 410, 120), (391, 201, 430, 220), (501, 301, 520, 320)]


def voc(boxes):
    objects = "".join(
        f"<object><name>{'Dead' if number % 2 else 'Tree'}</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>"
        f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        for number, (left, top, right, bottom) in enumerate(boxes))
    return f"<annotation><filename>a.png</filename><size><width>800</width></size>{objects}</annotation>"


class Tiles(unittest.TestCase):
    def test_of_training_cover_the_photograph(self):
        for side in (100, 400, 401, 750, 1249):
            found = tool.starts(side, 50)
            self.assertEqual((found[0], found[-1]), (0, max(0, side - tool.TILE)))
            for before, after in zip(found, found[1:]):
                self.assertLessEqual(after, before + tool.TILE - 50)

    def test_held_out_ones_do_not_overlap(self):
        self.assertEqual(tool.starts(1249, 0), [0, 400, 800])
        self.assertEqual(tool.starts(1199, 0), [0, 400])
        self.assertEqual(tool.starts(399, 0), [0])

    def test_go_row_by_row(self):
        self.assertEqual(tool.tiles(800, 350, 0), [(0, 0, 400, 350), (400, 0, 800, 350)])


class Boxes(unittest.TestCase):
    def test_are_counted_from_one(self):
        self.assertEqual(tool.read_boxes(voc(CROWNS))[:2], [(0, 0, 20, 10), (370, 100, 410, 120)])

    def test_end_at_the_border_of_a_tile(self):
        found = tool.annotations(tool.read_boxes(voc(CROWNS)), tool.Box(0, 0, 400, 400))
        self.assertEqual([(a["bbox"], a["area"], a["iscrowd"]) for a in found],
                         [([0, 0, 20, 10], 200, 0), ([370, 100, 30, 20], 600, 0), ([390, 200, 10, 20], 200, 1)])

    def test_begin_at_the_corner_of_a_tile(self):
        found = tool.annotations(tool.read_boxes(voc(CROWNS)), tool.Box(400, 0, 800, 400))
        self.assertEqual([a["bbox"] for a in found],
                         [[0, 100, 10, 20], [0, 200, 30, 20], [100, 300, 20, 20]])
        self.assertEqual([a["iscrowd"] for a in found], [1, 0, 0])


class Sets(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        photograph = Image.new("RGB", (800, 800))
        draw = ImageDraw.Draw(photograph)
        for left, top, right, bottom in CROWNS:
            draw.rectangle((left - 1, top - 1, right - 1, bottom - 1), fill=(0, 255, 0))
        photograph.save(self.folder / "photo.png")
        (self.folder / "photo.xml").write_text(voc(CROWNS))
        self.enterContext(mock.patch.object(tool, "PHOTOGRAPHS", {"val": ["photo"]}))

    def test_boxes_are_where_the_crowns_are(self):
        made = tool.make_split("val", self.folder, self.folder / "new")
        self.assertEqual(made, (2, 4))  # the lower half of the photograph shows none
        content = json.loads((self.folder / "new" / "annotations" / "instances_val.json").read_text())
        names = {image["id"]: image["file_name"] for image in content["images"]}
        self.assertEqual([a["id"] for a in content["annotations"]], [1, 2, 3, 4, 5, 6])
        self.assertEqual(content["categories"], [{"id": 1, "name": "crown"}])
        for annotation in content["annotations"]:
            left, top, width, height = annotation["bbox"]
            self.assertEqual(annotation["category_id"], 1)
            with Image.open(self.folder / "new" / "val" / names[annotation["image_id"]]) as tile:
                around = tile.crop((left - 1, top - 1, left + width + 1, top + height + 1)).convert("L")
            self.assertEqual(around.getbbox(), (1, 1, width + 1, height + 1))

    def test_no_photograph_is_on_both_sides(self):
        photographs = load_tool("prepare_crowns").PHOTOGRAPHS
        self.assertFalse(set(photographs["train"]) & set(photographs["val"]))


if __name__ == "__main__":
    unittest.main()
