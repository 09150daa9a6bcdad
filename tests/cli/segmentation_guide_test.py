"""docs/segmentation.md: every command in it runs."""

import re
import shlex
import shutil
import unittest
from pathlib import Path

from program import ONE_EPOCH, ProgramTest, run_program
from segments import write_set

GUIDE = Path(__file__).parents[2] / "docs" / "segmentation.md"
# A model that takes milliseconds a step.
SMALLER = ["--input_size", 48, "--head_channels", 8, "--bounds", 80, 60, "--threads", 1]


class SegmentationGuide(ProgramTest):
    IMAGES = 10

    def test_every_command_runs(self):
        write_set(self.folder / "scenes")
        shutil.move(self.folder / "scenes" / "classes.txt", self.folder)
        shutil.copytree(self.data, self.folder / "photos")
        self.pretrain(*ONE_EPOCH)
        shutil.copy(self.run_directory / "weights.safetensors", self.folder / "weights")
        text = GUIDE.read_text()
        commands = re.findall(r"^    convmae (.*)$", text, re.MULTILINE)
        others = re.findall(r"^    (?!convmae )(?:\.venv/bin/python )?(\S+)", text, re.MULTILINE)
        # tests/tools runs these
        self.assertEqual(others, ["tools/prepare_segmentation", "tools/segmentation_baseline"])
        self.assertEqual(len(commands), 6)
        for command in commands:
            with self.subTest(command=command):
                more = SMALLER if command.startswith("segment train") else []
                result = run_program(*shlex.split(command), *more, cwd=self.folder)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertNotIn("warning: ", result.stdout)

        resume = re.search(r"`convmae (segment train --resume \S+)`", text)[1]
        result = run_program(*shlex.split(resume), cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        for name in ("segmentor/report.html", "evaluation/metrics.json", "maps/legend.csv",
                     "maps/labels/000.png", "maps/overlays/000.png"):
            self.assertTrue((self.folder / name).is_file(), name)

    def test_the_classes_that_it_names_are_there(self):
        names = (GUIDE.parents[1] / "configs" / "ade20k_classes.txt").read_text().splitlines()
        self.assertEqual(len([name for name in names if not name.startswith("#")]), 150)


if __name__ == "__main__":
    unittest.main()
