"""Numbers beyond a flag's type, and threads that the system refuses."""

import os
import re
import signal
import subprocess
import time
import unittest
from pathlib import Path

from program import PROGRAM, TINY, ProgramTest, run_program, steps

ONE_EPOCH = ["--batch_size", "10", "--epochs", "1"]


class Numbers(ProgramTest):
    def refuse(self, flag, value):
        """The flag comes last, so it is the one that counts."""
        with self.subTest(flag=flag, value=value):
            result = self.call("--data", self.data, "--out", self.run_directory, *TINY, *ONE_EPOCH,
                               flag, value)
            self.assert_user_error(result, flag.strip("-"))
            self.assertFalse(self.run_directory.exists())

    def test_beyond_the_type_are_refused(self):
        for flag, values in {
            "--seed": ["99999999999999999999", "18446744073709551616", "-1", "1.5", "1e3"],
            "--epochs": ["9223372036854775808", "9223372036854775807", "1000000001", "0"],
            "--batch_size": ["9e18", "9223372036854775807", "4294967297"],
            "--accum_iter": ["4611686018427387904", "-9223372036854775809"],
            "--num_workers": ["100000", "4294967298", "99999999999999999999"],
            "--threads": ["100000", "4294967297", "-1"],
            "--lr": ["1e400", "-1e400", "inf", "nan", "1e-400"],
            "--blr": ["1e308"],
            "--max_minutes": ["inf"],
            "--mean": ["0.5,1e999,0.5"],
            "--input_size": ["32,99999999999999999999"],
        }.items():
            for value in values:
                self.refuse(flag, value)

    def test_of_a_configuration_are_refused_as_well(self):
        config = self.folder / "c.toml"
        for line in ("lr = inf", "lr = '1e400'", "seed = -1", "epochs = 1e9", "seed = '1e400'"):
            config.write_text(line + "\n")
            result = self.call("--config", config, "--data", self.data, "--out",
                               self.run_directory, *TINY)
            self.assert_user_error(result, line.split()[0], "c.toml")

    def test_of_other_commands_are_refused(self):
        for arguments in (
            ["stats", self.data, "--input_size", "99999999999999999999"],
            ["stats", self.data, "--input_size", "4000000000,4000000000"],
            ["stats", self.data, "--num_workers", "100000"],
            ["bench", "ops", "--threads", "100000"],
            ["bench", "pretrain", "--steps", "9223372036854775808"],
            ["knn", "--checkpoint", "c", "--data", self.data, "--k", "99999999999999999999"],
            ["reconstruct", "--checkpoint", "c", "--out", "o.png", "i.png", "--seed", "-1"],
            ["reconstruct", "--checkpoint", "c", "--out", "o.png", "i.png", "--mask_ratio", "nan"],
        ):
            with self.subTest(arguments=arguments):
                self.assert_user_error(run_program(*arguments, cwd=self.folder))

    def test_are_decimal(self):
        self.pretrain(*ONE_EPOCH, "--seed", "010")
        self.assertIn("seed = 10\n", (self.run_directory / "config.toml").read_text())

    def test_the_largest_seed_can_be_continued(self):
        self.pretrain(*ONE_EPOCH, "--seed", "18446744073709551615")
        result = self.call("--resume", self.run_directory, "--epochs", 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(steps(self.run_directory)), 4)


class Threads(ProgramTest):
    def limited(self, kilobytes, *arguments):
        """With so little address space that it has no room for many threads' stacks."""
        libraries = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True).stdout
        if "libasan" in libraries or "libtsan" in libraries:
            self.skipTest("the sanitizers need address space themselves")
        command = 'ulimit -v "$0"; exec "$@"'
        return subprocess.run(["bash", "-c", command, str(kilobytes), PROGRAM, *map(str, arguments)],
                              capture_output=True, text=True)

    def test_that_are_refused_end_in_one_line(self):
        new = ["pretrain", "--data", self.data, "--out", self.run_directory, *TINY, *ONE_EPOCH]
        for flag in ("--num_workers", "--threads"):
            with self.subTest(flag=flag):
                result = self.limited(8 << 20, *new, flag, 3000)
                self.assert_user_error(result, "refuses a thread", flag)

    def test_do_not_block_their_own_faults(self):
        process = self.start("--data", self.data, "--out", self.run_directory, *TINY,
                             "--batch_size", 10, "--epochs", 100000, "--num_workers", 2)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        path = self.run_directory / "steps.jsonl"
        while not path.exists() or not path.read_text():
            self.assertIsNone(process.poll())
            time.sleep(0.001)
        blocked = []
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            mask = re.search(r"SigBlk:\s*(\w+)", (task / "status").read_text()).group(1)
            blocked.append({number for number in range(1, 32) if int(mask, 16) >> (number - 1) & 1})
        self.assertGreaterEqual(sum(signal.SIGTERM in mask for mask in blocked), 2)
        for mask in blocked:
            self.assertFalse(mask & {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL,
                                     signal.SIGABRT})

    def test_keep_to_the_mask_of_cpus(self):
        cpu = min(os.sched_getaffinity(0))
        result = subprocess.run(
            ["taskset", "-c", str(cpu), PROGRAM, "pretrain", "--data", self.data, "--out",
             self.run_directory, *TINY, *ONE_EPOCH, "--threads", "0"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        text = (self.run_directory / "config.toml").read_text()
        self.assertIn("threads = 1\n", text)
        self.assertIn("num_workers = 1\n", text)


if __name__ == "__main__":
    unittest.main()
