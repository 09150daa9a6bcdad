"""Folders that a tool makes take the place of what it made, and of nothing else."""

import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import made_folder  # noqa: E402
from debian_packages import Problem  # noqa: E402


class MadeFolder(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.target = self.folder / "set"
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.addCleanup(signal.signal, number, signal.getsignal(number))

    def make(self, content="new"):
        with made_folder.work_folder(self.target) as work:
            (work / "new" / "train").mkdir(parents=True)
            (work / "new" / "train" / "a").write_text(content)
            made_folder.put_in_place(work / "new", self.target, "prepare_test")

    def listing(self):
        return sorted(os.listdir(self.folder))

    def test_an_older_one_is_replaced(self):
        self.make("old")
        self.make()
        self.assertEqual((self.target / "train" / "a").read_text(), "new")
        self.assertEqual(self.listing(), ["set"])

    def test_one_of_the_user_stays(self):
        self.target.mkdir()
        (self.target / "mine").write_text("mine")
        with self.assertRaisesRegex(Problem, "did not make it"):
            self.make()
        self.assertEqual(os.listdir(self.target), ["mine"])
        self.assertEqual(self.listing(), ["set"])

    def test_one_with_a_file_of_the_user_stays(self):
        self.make("old")
        (self.target / "train" / "mine").write_text("mine")
        with self.assertRaisesRegex(Problem, "train/mine"):
            self.make()
        self.assertEqual((self.target / "train" / "a").read_text(), "old")
        self.assertEqual((self.target / "train" / "mine").read_text(), "mine")

    def test_an_empty_one_is_taken(self):
        self.target.mkdir()
        self.make()
        self.assertTrue((self.target / "train" / "a").exists())

    def test_neighbours_of_the_user_stay(self):
        for name in (".set-backup", ".set-mine.convmae-work"):
            (self.folder / name).mkdir()
            (self.folder / name / "mine").write_text("mine")
        self.make()
        self.assertEqual(self.listing(), [".set-backup", ".set-mine.convmae-work", "set"])

    def start(self):
        """A process that works on the same folder until it is told to end."""
        code = ("import sys, time; sys.path.insert(0, sys.argv[1]); import made_folder, pathlib\n"
                "with made_folder.work_folder(pathlib.Path(sys.argv[2])) as work:\n"
                "    print('ready', flush=True)\n"
                "    time.sleep(60)\n")
        process = subprocess.Popen([sys.executable, "-c", code, str(TOOLS), str(self.target)],
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def test_what_a_killed_tool_left_is_removed_and_what_another_uses_is_not(self):
        killed, alive = self.start(), self.start()
        killed.kill()
        killed.wait()
        self.assertEqual(len(self.listing()), 2)
        self.make()
        self.assertEqual(len(self.listing()), 2)  # the set, and the folder of the one that is alive
        alive.send_signal(signal.SIGTERM)
        self.assertEqual(alive.wait(), 143)
        self.assertEqual(self.listing(), ["set"])


class Tools(unittest.TestCase):
    def test_refuse_a_folder_of_the_user_before_anything_is_downloaded(self):
        for tool in ("prepare_crowns", "prepare_detection", "prepare_fashion", "prepare_photos"):
            with tempfile.TemporaryDirectory() as name:
                target = Path(name) / "mine"
                (target / "probe").mkdir(parents=True)
                (target / "probe" / "notes").write_text("mine")
                done = subprocess.run([sys.executable, TOOLS / tool, "--out", target],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn("did not make it", done.stdout)
                self.assertEqual(len(done.stdout.splitlines()), 1)
                self.assertEqual(done.stderr, "")
                self.assertTrue((target / "probe" / "notes").exists())
                self.assertEqual(os.listdir(name), ["mine"])


if __name__ == "__main__":
    unittest.main()
