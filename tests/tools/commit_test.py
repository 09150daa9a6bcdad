"""What cmake/write_commit.cmake says of the sources that a program is built from."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def git(folder, *arguments):
    command = ["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@localhost", *arguments]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode().strip()


@unittest.skipUnless(shutil.which("git") and shutil.which("cmake"), "needs git and cmake")
class Commit(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.out = self.folder / "commit.cpp"
        self.sources = self.folder / "sources"
        (self.sources / "cmake").mkdir(parents=True)
        for name in (".gitattributes", "cmake/write_commit.cmake", "cmake/archive_commit.txt"):
            shutil.copy(ROOT / name, self.sources / name)

    def commit(self, sources=None, **environment):
        sources = sources or self.sources
        script = sources / "cmake" / "write_commit.cmake"
        subprocess.run(["cmake", f"-DSOURCE={sources}", f"-DOUT={self.out}", "-P", script], check=True,
                       env={**os.environ, **environment})
        return re.search(r'return "(.*)";', self.out.read_text()).group(1)

    def make_checkout(self, folder):
        git(self.folder, "init", "-q", folder)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "first")
        return git(folder, "rev-parse", "HEAD")[:12]

    def test_a_checkout_names_its_commit(self):
        first = self.make_checkout(self.sources)
        self.assertEqual(self.commit(), first)
        git(self.sources, "commit", "-q", "--allow-empty", "-m", "second")
        second = self.commit()
        self.assertNotEqual(second, first)
        (self.sources / "cmake" / "archive_commit.txt").write_text("changed\n")
        self.assertEqual(self.commit(), second + "-dirty")

    def test_a_tag_is_named(self):
        self.make_checkout(self.sources)
        git(self.sources, "tag", "-a", "v9.1", "-m", "a version")
        self.assertEqual(self.commit(), "v9.1")

    def test_neither_another_owner_nor_the_environment_keeps_it_from_that(self):
        first = self.make_checkout(self.sources)
        self.assertEqual(self.commit(GIT_TEST_ASSUME_DIFFERENT_OWNER="1"), first)
        self.assertEqual(self.commit(GIT_DIR="/nowhere"), first)

    def test_nothing_is_written_without_need(self):
        self.make_checkout(self.sources)
        self.commit()
        before = self.out.stat().st_mtime_ns
        self.commit()
        self.assertEqual(self.out.stat().st_mtime_ns, before)

    def test_an_archive_names_it_too(self):
        first = self.make_checkout(self.sources)
        unpacked = self.folder / "unpacked"
        unpacked.mkdir()
        git(self.sources, "archive", "-o", self.folder / "a.tar", "HEAD")
        shutil.unpack_archive(self.folder / "a.tar", unpacked)
        self.assertEqual(self.commit(unpacked), first)

    def test_the_checkout_of_another_project_is_not_taken_for_its_own(self):
        self.assertEqual(self.commit(), "unknown")
        self.make_checkout(self.folder)
        self.assertEqual(self.commit(), "unknown")


if __name__ == "__main__":
    unittest.main()
