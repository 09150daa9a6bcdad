"""docs/own_images.md: every command in it runs, on toy images and for a moment."""

import re
import shlex
import unittest
from pathlib import Path

from program import DRAWS, ProgramTest, run_program, write_images

GUIDE = Path(__file__).parents[2] / "docs" / "own_images.md"
# The last value of a flag counts: the guide's own sizes would take hours.
SHORT = {"pretrain": ["--epochs", "2", "--warmup_epochs", "1", "--input_size", "32", "--batch_size",
                      "4", "--probe_every", "1", "--threads", "1", "--panel_images", "2"],
         "knn": ["--threads", "1"], "features": ["--threads", "1"]}
RESUMED = ["--threads", "1"]  # what else a run has cannot change


def commands():
    """The indented lines of the guide that call the program, in their order."""
    lines = re.findall(r"^    convmae (.*)$", GUIDE.read_text(), re.MULTILINE)
    return [shlex.split(line) for line in lines]


class Guide(ProgramTest):
    def test_every_command_runs(self):
        write_images(self.folder / "images", 12)
        for split in ("train", "val"):
            for name in ("a", "b"):
                write_images(self.folder / "labelled" / split / name, 3)
                for number, path in enumerate(sorted((self.folder / "labelled" / split / name)
                                                     .iterdir())):
                    path.rename(path.with_name(f"{number}.png"))
        found = commands()
        self.assertGreater(len(found), 6)
        for arguments in found:
            extra = RESUMED if "--resume" in arguments else SHORT.get(arguments[0], [])
            with self.subTest(command=" ".join(arguments)):
                result = run_program(*arguments, *extra, cwd=self.folder)
                self.assertEqual(result.returncode, 0, result.stderr)
        for name in ("reconstruction.png", "features.npy", "features.csv", "maps.safetensors",
                     "own.pth", "runs/own/report.html"):
            self.assertTrue((self.folder / name).is_file() or (name.endswith(".png") and not DRAWS), name)

    def test_no_command_hides_from_the_test(self):
        text = GUIDE.read_text()
        blocks = [line for line in text.splitlines() if line.startswith("    ")]
        self.assertEqual(len(blocks), len(commands()))


if __name__ == "__main__":
    unittest.main()
