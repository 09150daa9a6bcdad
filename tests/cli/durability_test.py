"""Checkpoints survive whatever happens while they are written."""

import os
import random
import re
import resource
import shutil
import signal
import subprocess
import time
import unittest

from program import PROGRAM, TINY, ProgramTest, checkpoints, steps, temporaries, tensors

SAVE_ALWAYS = ["--batch_size", 10, "--save_every_steps", 1, "--keep_last", 2]


class Durability(ProgramTest):
    def new_run(self, *arguments):
        return ["--data", self.data, "--out", self.run_directory, *TINY, *SAVE_ALWAYS, *arguments]

    def wait_for_checkpoint(self, beyond=0):
        self.wait_until(lambda: any(int(path.stem[5:]) > beyond
                                    for path in checkpoints(self.run_directory)))

    def test_killed_at_random_moments(self):
        draw = random.Random(1)
        process = self.start(*self.new_run("--epochs", 100000))
        for _ in range(50):
            newest = checkpoints(self.run_directory)[-1:] if self.run_directory.exists() else []
            self.wait_for_checkpoint(int(newest[0].stem[5:]) if newest else 0)
            time.sleep(draw.uniform(0, 0.05))
            process.kill()
            process.communicate()
            self.assertLessEqual(len(temporaries(self.run_directory)), 1)
            newest = checkpoints(self.run_directory)[-1]
            self.assertGreater(len(tensors(newest)), 100)
            process = self.start("--resume", self.run_directory)
            done = int(newest.stem[5:])
            self.wait_for_checkpoint(done)  # so it did load
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 143, err)
        self.assertNotIn("damaged", err)
        self.assertEqual(temporaries(self.run_directory), [])
        self.assertLessEqual(len(checkpoints(self.run_directory)), 3)
        numbers = [line["step"] for line in steps(self.run_directory)]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def test_a_file_gets_its_name_only_when_it_is_on_disk(self):
        strace = shutil.which("strace")
        trace = self.folder / "trace"
        command = [strace, "-f", "-e", "trace=openat,write,fsync,rename", "-o", trace, PROGRAM,
                   "pretrain", *map(str, self.new_run("--epochs", 1))]
        # A sanitized program cannot look for leaks while it is traced.
        result = subprocess.run(command, capture_output=True, text=True,
                                env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        if "PTRACE" in result.stderr:
            self.skipTest("this machine does not allow tracing")
        self.assertEqual(result.returncode, 0, result.stderr)
        calls = trace.read_text()
        renames = re.findall(r'rename\("([^"]*step-[^"]*tmp)", "([^"]*)"\)', calls)
        self.assertEqual(len(renames), 2)
        log = re.search(r'openat\(.*steps\.jsonl".* = (\d+)', calls).group(1)
        for temporary, _ in renames:  # the steps that a checkpoint counts on come first
            before = calls[:calls.index(f'rename("{temporary}"')]
            self.assertIn(f"fsync({log})", before[before.rindex(f"write({log}, "):])
        for temporary, target in renames:
            opened = re.search(rf'openat\(.*"{re.escape(temporary)}".* = (\d+)', calls)
            history = calls[opened.end():]
            descriptor = opened.group(1)
            order = [
                history.index(f"write({descriptor}, "),
                history.index(f"fsync({descriptor})"),
                history.index(f'rename("{temporary}"'),
            ]
            self.assertEqual(order, sorted(order))
            self.assertNotIn(f"write({descriptor}, ", history[order[1]:order[2]])
            after = history[order[2]:]
            directory = re.search(
                rf'openat\(.*"{re.escape(os.path.dirname(target))}/?".*O_DIRECTORY.* = (\d+)', after
            )
            after = after[directory.end():]
            self.assertRegex(after.splitlines()[1], rf"fsync\({directory.group(1)}\) += 0")

    def test_a_full_disk_loses_nothing(self):
        self.pretrain(*SAVE_ALWAYS, "--epochs", 1)
        before = {path: path.read_bytes() for path in checkpoints(self.run_directory)}
        limit = min(map(len, before.values())) // 2

        def restrict():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        result = self.call("--resume", self.run_directory, "--epochs", 2, preexec_fn=restrict)
        self.assert_user_error(result, "step-00000003.safetensors")
        self.assertEqual({path: path.read_bytes() for path in checkpoints(self.run_directory)},
                         before)
        self.assertEqual(temporaries(self.run_directory), [])
        result = self.call("--resume", self.run_directory, "--epochs", 2)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_steps_that_cannot_be_logged_are_saved_first(self):
        self.pretrain("--batch_size", 1, "--epochs", 1)  # 20 steps
        log = self.run_directory / "steps.jsonl"
        largest = max(path.stat().st_size for path in checkpoints(self.run_directory))
        line = log.read_text().splitlines(keepends=True)[0]
        log.write_text(line * (largest // len(line) + 1) + log.read_text())
        limit = log.stat().st_size + 700  # a few steps more

        def restrict():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        result = self.call("--resume", self.run_directory, "--epochs", 2, preexec_fn=restrict)
        self.assert_user_error(result, "steps.jsonl")
        newest = int(checkpoints(self.run_directory)[-1].stem[5:])
        self.assertGreater(newest, 20)
        self.assertLess(newest, 40)
        result = self.call("--resume", self.run_directory, "--epochs", 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(checkpoints(self.run_directory)[-1].stem, "step-00000040")

    def test_two_processes_do_not_share_a_run(self):
        process = self.start(*self.new_run("--epochs", 100000))
        self.wait_for_checkpoint()
        self.assert_user_error(self.call("--resume", self.run_directory), "another process")
        process.send_signal(signal.SIGTERM)
        process.communicate()
        self.assertEqual(process.returncode, 143)

    def test_a_second_interrupt_ends_at_once(self):
        # A step of this size takes long enough for both signals to arrive in it.
        process = self.start("--data", self.data, "--out", self.run_directory, "--model", "tiny",
                             "--batch_size", self.IMAGES, "--epochs", 1, "--panel_images", 0)
        self.wait_until((self.run_directory / "log.txt").exists)
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertEqual(checkpoints(self.run_directory), [])


if __name__ == "__main__":
    unittest.main()
