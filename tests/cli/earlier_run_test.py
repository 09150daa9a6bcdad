"""A run directory that an earlier version left is continued as that version would have done it."""

import json
import shutil
import unittest
from pathlib import Path

from program import ProgramTest, checkpoints, epochs, run_program, steps

EARLIER = Path(__file__).parent / "data" / "earlier_run"


class EarlierRun(ProgramTest):
    def setUp(self):
        super().setUp()
        shutil.copytree(EARLIER / "run", self.run_directory)
        config = self.run_directory / "config.toml"
        config.write_text(config.read_text().replace("/srv/images", str(EARLIER / "images")))

    def assert_close(self, found, expected):
        self.assertEqual(found.keys(), expected.keys())
        for key, value in expected.items():
            if key in ("loss", "grad_norm", "train_loss", "val_loss"):
                # The last bits are the CPU's.
                self.assertLess(abs(found[key] / value - 1), 1e-4, (key, expected))
            else:
                self.assertEqual(found[key], value, (key, expected))

    def test_goes_on_where_it_stood(self):
        result = run_program("pretrain", "--resume", self.run_directory)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("after step 5 (epoch 2 of 3)", result.stderr)
        found, expected = steps(self.run_directory), steps(EARLIER / "whole")
        self.assertEqual(found[:5], expected[:5])
        self.assertEqual(len(found), len(expected))
        for line, whole in zip(found, expected):
            self.assert_close(line, whole)
        found, expected = epochs(self.run_directory), epochs(EARLIER / "whole")
        self.assertEqual(len(found), len(expected))
        # Earlier versions noted no steps.
        self.assertEqual([line.pop("step", None) for line in found], [None, 6, 9])
        for line, whole in zip(found, expected):
            self.assert_close(line, whole)
        header = json.loads((self.run_directory / "log.txt").read_text().splitlines()[0])
        self.assertEqual([entry["step"] for entry in header["resumed"]], [5])

    def test_goes_back_to_its_checkpoint(self):
        self.assertEqual(run_program("pretrain", "--resume", self.run_directory).returncode, 0)
        whole = steps(self.run_directory)
        result = run_program("pretrain", "--resume",
                             self.run_directory / "checkpoints" / "step-00000005.safetensors")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(steps(self.run_directory), whole)
        self.assertEqual(checkpoints(self.run_directory)[-1].stem, "step-00000009")


if __name__ == "__main__":
    unittest.main()
