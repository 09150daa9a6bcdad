"""docs/segmentation.md: every command in it runs."""

import re
import shlex
import unittest
from pathlib import Path

import numpy as np
from PIL import Image

from program import ProgramTest, run_program

GUIDE = Path(__file__).parents[2] / "docs" / "segmentation.md"


class SegmentationGuide(ProgramTest):
    IMAGES = 0

    def test_every_command_runs(self):
        for kind in ("images", "annotations"):
            (self.folder / "scenes" / kind).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (5, 4)).save(self.folder / "scenes" / "images" / f"{number}.jpg")
            ids = np.arange(20, dtype=np.uint8).reshape(4, 5) % 3
            Image.fromarray(ids).save(self.folder / "scenes" / "annotations" / f"{number}.png")
        (self.folder / "classes.txt").write_text("wall\nsky\n")
        text = GUIDE.read_text()
        commands = re.findall(r"^    convmae (.*)$", text, re.MULTILINE)
        others = re.findall(r"^    (?!convmae )(\S+)", text, re.MULTILINE)
        # tests/tools runs these
        self.assertEqual(others, ["tools/prepare_segmentation", "tools/segmentation_baseline"])
        self.assertEqual(len(commands), 2)
        for command in commands:
            with self.subTest(command=command):
                result = run_program(*shlex.split(command), cwd=self.folder)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertNotIn("warning: ", result.stdout)

    def test_the_classes_that_it_names_are_there(self):
        names = (GUIDE.parents[1] / "configs" / "ade20k_classes.txt").read_text().splitlines()
        self.assertEqual(len([name for name in names if not name.startswith("#")]), 150)


if __name__ == "__main__":
    unittest.main()
