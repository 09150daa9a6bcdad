"""docs/detection.md: every command in it runs."""

import json
import re
import shlex
import shutil
import unittest
from pathlib import Path

from PIL import Image

from program import ProgramTest, run_program

GUIDE = Path(__file__).parents[2] / "docs" / "detection.md"
GOLDEN = Path(__file__).parents[1] / "golden" / "coco_eval"


class DetectionGuide(ProgramTest):
    IMAGES = 0

    def test_every_command_runs(self):
        shutil.copy(GOLDEN / "basic.gt.json", self.folder / "annotations.json")
        shutil.copy(GOLDEN / "basic.dt.json", self.folder / "detections.json")
        (self.folder / "images").mkdir()
        for image in json.loads((GOLDEN / "basic.gt.json").read_text())["images"]:
            Image.new("RGB", (image["width"], image["height"])).save(self.folder / "images" / image["file_name"])
        text = GUIDE.read_text()
        commands = re.findall(r"^    convmae (.*)$", text, re.MULTILINE)
        others = re.findall(r"^    (?!convmae )(\S+)", text, re.MULTILINE)
        self.assertEqual(others, ["tools/prepare_detection"])  # tests/tools runs it
        self.assertEqual(len(commands), 3)
        for command in commands:
            with self.subTest(command=command):
                result = run_program(*shlex.split(command), cwd=self.folder)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertNotIn("warning: ", result.stdout)
        self.assertTrue((self.folder / "figures.json").is_file())


if __name__ == "__main__":
    unittest.main()
