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


def write_crowns(folder):
    """As tools/prepare_crowns lays them out: boxes of one category on two small tiles."""
    for split in ("train", "val"):
        write_images(folder / split, 2)
        images = [{"id": i + 1, "file_name": f"{i:03}.png", "width": 40, "height": 40} for i in range(2)]
        boxes = [{"id": i + 1, "image_id": i + 1, "category_id": 1, "iscrowd": 0, "area": 400, "bbox": [5, 10, 20, 20]}
                 for i in range(2)]
        (folder / "annotations").mkdir(exist_ok=True)
        (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(
            {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "crown"}]}))


class DetectionGuide(ProgramTest):
    IMAGES = 0

    def test_every_command_runs(self):
        shutil.copy(GOLDEN / "basic.gt.json", self.folder / "annotations.json")
        shutil.copy(GOLDEN / "basic.dt.json", self.folder / "detections.json")
        (self.folder / "images").mkdir()
        for image in json.loads((GOLDEN / "basic.gt.json").read_text())["images"]:
            Image.new("RGB", (image["width"], image["height"])).save(self.folder / "images" / image["file_name"])
        shutil.copytree(GUIDE.parents[1] / "configs", self.folder / "configs")
        write_crowns(self.folder / "data" / "crowns")
        write_images(self.folder / "photos", 10)
        result = run_program("pretrain", "--data", self.folder / "photos", "--out", self.folder / "run", "--model",
                             "nano", "--input_size", 32, "--batch_size", 10, "--epochs", 1, "--panel_images", 0)
        self.assertEqual(result.returncode, 0, result.stderr)
        text = GUIDE.read_text()
        commands = re.findall(r"^    convmae (.*)$", text, re.MULTILINE)
        others = re.findall(r"^    (?!convmae )(?:\.venv/bin/python )?(\S+)", text, re.MULTILINE)
        # tests/tools runs these
        self.assertEqual(others, ["tools/prepare_crowns", "tools/prepare_detection"])
        self.assertEqual(len(commands), 9)
        for command in commands:
            with self.subTest(command=command):
                more = SHORT if command.startswith("detect train") else []
                result = run_program(*shlex.split(command), *more, cwd=self.folder)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertNotIn("warning: ", result.stdout)
        self.assertTrue((self.folder / "figures.json").is_file())
        result = json.loads((self.folder / "crowns" / "result.json").read_text())
        self.assertIn("box_ap", result["last"])
        self.assertNotIn("mask_ap", result["last"])
        self.assertTrue((self.folder / "evaluation" / "report.html").is_file())


if __name__ == "__main__":
    unittest.main()
