"""tools/setup: what it says before it asks for a password, and that what it installs is pinned."""

import importlib.metadata
import os
import pty
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LISTS = sorted((ROOT / "tools" / "packages").glob("python-*.txt"))

URIS = """'http://mirror/a.deb' a_1_all.deb 1500000 MD5Sum:0
'http://mirror/b.deb' b_1_all.deb 700000 MD5Sum:0"""


class BeforeThePassword(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.programs = self.folder / "bin"
        self.programs.mkdir()
        (self.folder / "tree" / "tools" / "packages").mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "setup", self.folder / "tree" / "tools")
        (self.folder / "tree" / "tools" / "packages" / "lint.txt").write_text("first\nsecond # why\n")
        self.program("dpkg-query", "echo installed other")
        self.program("id", "echo 1000")
        self.program("sudo", '[ "$1" = -n ] && exit 1; [ "$1" = -v ] && echo PASSWORD; exit 0')

    def program(self, name, script):
        path = self.programs / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def setup(self):
        """Everything that it prints, run from a terminal."""
        terminal, inside = pty.openpty()
        self.addCleanup(os.close, terminal)
        done = subprocess.run(["tools/setup", "lint"], cwd=self.folder / "tree", stdin=inside,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}"})
        os.close(inside)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_it_names_the_packages_and_their_size(self):
        self.program("apt-get", f'[ "$2" = --print-uris ] && cat <<"END"\n{URIS}\nEND')
        before, after = self.setup().split("PASSWORD")
        self.assertIn("first second (with what they need 2 packages, 2.2 MB to download)", before)
        self.assertIn("2 Debian packages ...", after)

    def test_it_says_that_it_does_not_know_the_size(self):
        self.program("apt-get", "exit 100")
        before, _ = self.setup().split("PASSWORD")
        self.assertIn("first second (of unknown size", before)

    def test_nothing_is_said_where_nothing_is_missing(self):
        self.program("dpkg-query", "echo installed first; echo installed second")
        self.assertEqual(self.setup(), "")


class Pins(unittest.TestCase):
    @staticmethod
    def entries(path):
        lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
        return [line for line in lines if line]

    def test_every_python_package_has_one_version(self):
        self.assertGreater(len(LISTS), 1)
        versions = {}
        for path in LISTS:
            for entry in self.entries(path):
                with self.subTest(list=path.name, entry=entry):
                    match = re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][0-9a-z.]*)", entry)
                    self.assertTrue(match)
                    name = canonicalize_name(match.group(1))
                    self.assertEqual(versions.setdefault(name, match.group(2)), match.group(2))
        self.assertRegex((ROOT / "tools" / "setup").read_text(), r"torch_version=\d+\.\d+\.\d+\n")

    def test_what_they_need_is_in_the_same_list(self):
        for path in LISTS:
            pinned = {canonicalize_name(entry.split("==")[0]) for entry in self.entries(path)}
            for name in sorted(pinned):
                try:
                    needs = importlib.metadata.requires(name) or []
                except importlib.metadata.PackageNotFoundError:
                    continue  # of a group that is not installed here
                for need in map(Requirement, needs):
                    if need.marker is None or need.marker.evaluate({"extra": ""}):
                        with self.subTest(list=path.name, package=name):
                            self.assertIn(canonicalize_name(need.name), pinned)


if __name__ == "__main__":
    unittest.main()
