"""What a program and its results say of where they come from."""

import json
import re
import unittest

from program import ProgramTest, checkpoints, run_program
from safetensors import safe_open


class Provenance(ProgramTest):
    def test_the_commit_is_named_everywhere(self):
        version = run_program("--version").stdout
        found = re.search(r"^  commit: (\S+)$", version, re.MULTILINE)
        self.assertTrue(found, version)
        commit = found.group(1)
        self.pretrain("--batch_size", 10, "--epochs", 1)
        header = json.loads((self.run_directory / "log.txt").read_text().splitlines()[0])
        self.assertEqual(header["commit"], commit)
        for path in (self.run_directory / "weights.safetensors", checkpoints(self.run_directory)[-1]):
            with safe_open(path, "np") as file:
                self.assertEqual(json.loads(file.metadata()["convmae.provenance"])["commit"], commit)
        self.assertIn(commit, (self.run_directory / "report.html").read_text())


if __name__ == "__main__":
    unittest.main()
