"""The command of the Python package: which torch it takes, and what it says of another."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "python" / "convmae_program"
CALL = "import sys, convmae_program; sys.argv = ['convmae', 'a b', 'c']; convmae_program.main()"


class Launcher(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.site = Path(scratch.name)
        (self.site / "convmae_program" / "bin").mkdir(parents=True)
        (self.site / "convmae_program" / "__init__.py").write_text((PACKAGE / "__init__.py").read_text())

    def install_program(self, torch="2.13.0", cuda=""):
        folder = self.site / "convmae_program"
        (folder / "built_for.txt").write_text(f'torch = "{torch}"\ncuda = "{cuda}"\n')
        program = folder / "bin" / "convmae"
        program.write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH|$*"\nexit 7\n')
        program.chmod(0o755)

    def install_torch(self, version):
        (self.site / "torch" / "lib").mkdir(parents=True)
        (self.site / "torch" / "__init__.py").write_text("raise SystemExit('torch was imported')")
        (self.site / "torch" / "version.py").write_text(f"__version__ = '{version}'\n")

    def call(self):
        # -S: no other torch than ours
        return subprocess.run([sys.executable, "-S", "-c", CALL], env={"PYTHONPATH": str(self.site)}, capture_output=True,
                              text=True)

    def refused(self, *fragments):
        result = self.call()
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        for fragment in ("convmae: error: ", *fragments):
            self.assertIn(fragment, result.stderr)

    def test_the_program_takes_over_with_that_torch(self):
        self.install_program()
        self.install_torch("2.13.0+cpu")
        result = self.call()
        self.assertEqual((result.returncode, result.stderr), (7, ""))
        self.assertEqual(result.stdout.strip(), f"{self.site / 'torch' / 'lib'}|a b c")

    def test_another_torch_is_named(self):
        self.install_program()
        self.install_torch("2.11.0+cpu")
        self.refused("built for torch 2.13.0", "found 2.11.0+cpu")

    def test_no_torch(self):
        self.install_program()
        self.refused("there is no torch", "torch==2.13.0")

    def test_a_torch_without_cuda(self):
        self.install_program(cuda="13.0")
        self.install_torch("2.13.0")
        self.refused("with CUDA 13.0")

    def test_modules_alone(self):
        self.refused("the Python modules alone")


if __name__ == "__main__":
    unittest.main()
