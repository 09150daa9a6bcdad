"""docs/detection.md: every command in it runs."""

import json
import re
import shlex
import shutil
import unittest
from pathlib import Path

from PIL import Image

from program import ProgramTest, run_program, write_images

GUIDE = Path(__file__).parents[2] / "docs" / "detection.md"
GOLDEN = Path(__file__).parents[1] / "golden" / "coco_eval"
SHORT = "--steps 2 --warmup_steps 0 --eval_every_steps 2 --batch_size 2 --threads 1".split()


class DetectionGuide(ProgramTest):
    IMAGES = 0

    def test_every_command_runs(self):
        shutil.copy(GOLDEN / "basic.gt.json", self.folder / "annotations.json")
        shutil.copy(GOLDEN / "basic.dt.json", self.folder / "detections.json")
        (self.folder / "images").mkdir()
        for image in json.loads((GOLDEN / "basic.gt.json").read_text())["images"]:
            Image.new("RGB", (image["width"], image["height"])).save(self.folder / "images" / image["file_name"])
        shutil.copytree(GUIDE.parents[1] / "configs", self.folder / "configs")
        write_images(self.folder / "photos", 10)
        result = run_program("pretrain", "--data", self.folder / "photos", "--out", self.folder / "run", "--model",
                             "nano", "--input_size", 32, "--batch_size", 10, "--epochs", 1, "--panel_images", 0)
        self.assertEqual(result.returncode, 0, result.stderr)
        text = GUIDE.read_text()
        commands = re.findall(r"^    convmae (.*)$", text, re.MULTILINE)
        others = re.findall(r"^    (?!convmae )(?:\.venv/bin/python )?(\S+)", text, re.MULTILINE)
        self.assertEqual(others, ["tools/prepare_detection"])  # tests/tools runs it
        self.assertEqual(len(commands), 8)
        for command in commands:
            with self.subTest(command=command):
                more = SHORT if command.startswith("detect train") else []
                result = run_program(*shlex.split(command), *more, cwd=self.folder)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertNotIn("warning: ", result.stdout)
        self.assertTrue((self.folder / "figures.json").is_file())
        self.assertTrue((self.folder / "evaluation" / "report.html").is_file())


if __name__ == "__main__":
    unittest.main()
