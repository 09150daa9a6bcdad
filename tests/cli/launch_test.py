"""convmae launch: what reaches the processes, what comes back, and what it refuses."""

import json
import os
import signal
import subprocess
import time
import unittest
from pathlib import Path

from program import PROGRAM, TINY, ProgramTest, run_program

WEIGHTS = Path(__file__).parents[1] / "golden" / "pth" / "checkpoint_legacy.pth"


BENCHED = [*TINY[:TINY.index("--panel_images")], "--no_products"]


def processes_of(launcher):
    """The processes that it has started, by what RANK they were given."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            status = (entry / "status").read_text()
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        ranks = [text[5:].decode() for text in environment if text.startswith(b"RANK=")]
        if f"\nPPid:\t{launcher}\n" in status and ranks:
            found[ranks[0]] = int(entry.name)
    return found


def launch(*arguments):
    return run_program("launch", "--nproc", 2, *arguments)


class Launch(ProgramTest):
    def test_the_command_runs_in_each_process(self):
        once = run_program("inspect", WEIGHTS)
        for dashes in ([], ["--"]):
            twice = launch(*dashes, "inspect", WEIGHTS)
            self.assertEqual(twice.returncode, 0, twice.stderr)
            self.assertEqual(sorted(twice.stdout.splitlines()),
                             sorted(2 * once.stdout.splitlines()))
            self.assertEqual(twice.stderr, "")
        alone = run_program("launch", "--nproc=1", "--port", 0, "inspect", WEIGHTS)
        self.assertEqual(alone.stdout, once.stdout)

    def test_arguments_reach_it_as_they_are(self):
        self.assertEqual(launch("inspect", "--help").stdout, 2 * run_program("inspect", "--help").stdout)
        described = json.loads(run_program("launch", "--nproc", 1, "inspect", "--json", WEIGHTS).stdout)
        self.assertEqual(described, json.loads(run_program("inspect", "--json", WEIGHTS).stdout))
        # Flags that launch has too, and what looks like one to it.
        self.assertIn("unknown flag --nproc; see convmae inspect", launch("inspect", "--nproc", 3).stderr)
        odd = self.folder / "--odd-name"
        odd.write_bytes(WEIGHTS.read_bytes())
        inner = subprocess.run([PROGRAM, "launch", "--nproc", "1", "inspect", "--", odd.name],
                               cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(inner.returncode, 0, inner.stderr)
        self.assertIn("file: --odd-name", inner.stdout)
        self.assertIn("''", launch("inspect", "").stderr)

    def test_a_user_error_is_left_to_the_processes(self):
        result = launch("inspect", self.folder / "none")
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr, 2 * run_program("inspect", self.folder / "none").stderr)

    def test_what_killed_a_process_is_said(self):
        process = subprocess.Popen(
            [PROGRAM, "launch", "--nproc", "2", "bench", "pretrain", *BENCHED, "--steps", "1000000"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while set(started := processes_of(process.pid)) != {"0", "1"}:
            time.sleep(0.01)
        os.kill(started["1"], signal.SIGKILL)
        while Path("/proc", str(started["1"])).exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.communicate(timeout=60)[1],
                         "convmae: process 1 of 2 was killed by signal 9 (Killed)\n")
        self.assertEqual(process.returncode, 128 + signal.SIGKILL)

    def test_what_it_refuses(self):
        self.assert_user_error(launch(), "command to launch is missing", "launch --nproc 2 pretrain")
        self.assert_user_error(launch("--"), "command to launch is missing")
        self.assert_user_error(run_program("launch", "inspect", WEIGHTS), "--nproc must be", "and is missing")
        self.assert_user_error(launch("--nprok", 3, "inspect"), "unknown flag --nprok")
        self.assert_user_error(run_program("launch", "--nproc", "", "inspect"), "--nproc is given an empty")
        for number in ("0", "1025", "-1", "two", "1.5"):
            self.assert_user_error(run_program("launch", "--nproc", number, "inspect", WEIGHTS), "--nproc", number)
        for port in ("-1", "65536", "any"):
            self.assert_user_error(launch("--port", port, "inspect", WEIGHTS), "--port", port)
        inner = launch("inspekt")
        self.assertEqual(inner.returncode, 2)
        self.assertIn("unknown command inspekt", inner.stderr)


if __name__ == "__main__":
    unittest.main()
