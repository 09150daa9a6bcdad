"""docs/python.md: every program in it runs, and so does what it exports."""

import contextlib
import io
import os
import re
import shutil
import sys
import unittest
from pathlib import Path

import numpy as np
import torch

import convmae

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
from program import ONE_EPOCH, ProgramTest, run_program  # noqa: E402

torch.set_num_threads(1)
GUIDE = Path(__file__).parents[2] / "docs" / "python.md"


class PythonGuide(ProgramTest):
    IMAGES = 10

    def test_every_program_runs(self):
        self.pretrain(*ONE_EPOCH)
        shutil.copytree(self.data, self.folder / "photos")
        guide = GUIDE.read_text()
        (export,) = re.findall(r"^    convmae (export .*)", guide, re.MULTILINE)
        result = run_program(*export.split(), cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        programs = re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
        self.assertEqual(len(programs), 5)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        for program in programs:
            with self.subTest(program=program), contextlib.redirect_stdout(io.StringIO()):
                exec(compile(program, str(GUIDE), "exec"), {"__name__": "guide"})
        vectors = torch.load("vectors.pt")
        self.assertEqual(vectors.shape, (10, 16))
        torch.testing.assert_close(torch.from_numpy(np.load("vectors.npy")), vectors)

        # and what it says of the file that the second one writes
        result = run_program("inspect", "classifier.safetensors", cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("2 classes", result.stdout)
        self.assertEqual(convmae.load("classifier.safetensors", task="classify", num_heads=2).num_classes, 2)


if __name__ == "__main__":
    unittest.main()
