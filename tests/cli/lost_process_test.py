"""Whatever happens to one of several processes: nothing is lost, nobody waits for ever, one line says what it was."""

import os
import resource
import shutil
import signal
import time
import unittest

from program import TINY, ProgramTest, checkpoints, steps, temporaries
from ranks import Ranks, free_port


class LostProcess(ProgramTest):
    def recipe(self, *more, data=None):
        return ["pretrain", "--data", data or self.data, "--out", self.run_directory, *TINY, "--num_workers", 1,
                "--batch_size", 2, "--warmup_epochs", 0, *more]

    def started(self, *more, processes=2, **keywords):
        ranks = Ranks(processes, *self.recipe("--epochs", 100000, *more), **keywords)
        self.process = ranks.processes[0]
        self.wait_until(lambda: checkpoints(self.run_directory))
        return ranks

    def assert_goes_on(self, an_epoch):
        """The run has a checkpoint that two processes continue from."""
        self.assertLessEqual(len(temporaries(self.run_directory)), 1)
        done = int(checkpoints(self.run_directory)[-1].stem[5:])
        epochs = done // an_epoch + 1
        ranks = Ranks(2, "pretrain", "--resume", self.run_directory, "--epochs", epochs, "--save_every_steps", 0).run(self)
        self.assertIn(f"after step {done}", ranks.err[0])
        numbers = [line["step"] for line in steps(self.run_directory)]
        self.assertEqual(numbers, list(range(1, an_epoch * epochs + 1)))

    def test_a_killed_process_is_named_within_ten_seconds(self):
        # In steps; while checkpoints are written all the time; in evaluations.
        for more in (["--save_every_steps", 100], ["--save_every_steps", 1],
                     ["--eval_data", self.data, "--eval_every_steps", 1]):
            for lost in (0, 1):
                with self.subTest(more=more, lost=lost):
                    shutil.rmtree(self.run_directory, ignore_errors=True)
                    ranks = self.started(*more, processes=3)
                    ranks.processes[lost].kill()
                    begin = time.monotonic()
                    ranks.wait()
                    self.assertLess(time.monotonic() - begin, 10)
                    self.assertEqual(ranks.codes, [-signal.SIGKILL if rank == lost else 2 for rank in range(3)])
                    self.assertEqual(len(ranks.errors()), 1, ranks.err)
                    self.assertIn(f"process {lost} of 3 has ended", ranks.errors()[0])
                    self.assert_goes_on(an_epoch=3)

    def test_a_stopped_process_is_named_in_time(self):
        ranks = self.started("--dist_timeout", 2)
        ranks.processes[1].send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        out, err = ranks.processes[0].communicate(timeout=30)
        self.assertLess(time.monotonic() - begin, 12)
        ranks.processes[1].kill()
        ranks.processes[1].communicate()
        self.assertEqual(ranks.processes[0].returncode, 2)
        self.assertIn("process 1 of 2 has ended or does not answer", err)
        self.assert_goes_on(an_epoch=5)

    def test_a_bad_image_on_one_ends_all(self):
        data = self.folder / "images"
        shutil.copytree(self.data, data)
        (data / "007.png").write_bytes(b"no image")
        ranks = Ranks(2, *self.recipe("--on_bad_sample", "error", data=data)).wait()
        self.assertEqual(ranks.codes, [2, 2])
        self.assertEqual(len(ranks.errors()), 1, ranks.err)
        self.assertIn("007.png", ranks.errors()[0])

    @unittest.skipIf(os.environ.get("ASAN_OPTIONS"), "a sanitized program writes more than checkpoints")
    def test_a_full_disk_on_the_first_ends_all(self):
        ranks = self.started("--save_every_steps", 50)
        written = checkpoints(self.run_directory)[-1].stat().st_size
        resource.prlimit(ranks.processes[0].pid, resource.RLIMIT_FSIZE, (written // 2, written // 2))
        ranks.wait()
        self.assertEqual(ranks.codes, [2, 2], ranks.err)
        self.assertEqual(len(ranks.errors()), 1, ranks.err)
        self.assertIn("file-size limit", ranks.errors()[0].lower().replace("file size", "file-size"))

    def test_two_jobs_in_one_directory(self):
        first = self.started()
        second = Ranks(2, *self.recipe("--overwrite")).wait()
        self.assertEqual(second.codes, [2, 2])
        self.assertEqual(len(second.errors()), 1, second.err)
        self.assertIn("another process is writing the run directory", second.errors()[0])
        first.processes[0].send_signal(signal.SIGTERM)
        self.assertEqual(first.wait().codes, [143, 143])

    def test_a_port_that_another_job_has(self):
        port = free_port()
        first = self.started(port=port)
        self.run_directory, before = self.folder / "second", self.run_directory
        begin = time.monotonic()
        second = Ranks(1, *self.recipe("--dist_timeout", 3, "--epochs", 1), port=port).wait()
        self.assertEqual(second.codes, [0])  # alone it needs no meeting place
        late = Ranks(2, *self.recipe("--dist_timeout", 3, "--overwrite"), port=port).wait()
        self.assertEqual(late.codes, [2, 2], late.err)
        self.assertLess(time.monotonic() - begin, 40)
        self.assertGreaterEqual(len(late.errors()), 1)
        self.assertIn(f"127.0.0.1:{port}", late.errors()[0])
        first.processes[0].send_signal(signal.SIGTERM)
        self.assertEqual(first.wait().codes, [143, 143])
        self.assertTrue(checkpoints(before))

    def test_what_nobody_could_parse_is_said_once(self):
        ranks = Ranks(2, *self.recipe("--no_such_flag")).wait()
        self.assertEqual(ranks.codes, [2, 2])
        self.assertEqual(len(ranks.errors()), 1)

    def test_a_process_that_starts_late_is_waited_for(self):
        ranks = Ranks(2, *self.recipe("--epochs", 1), between=2).run(self)
        self.assertEqual(len(steps(self.run_directory)), 5)
        self.assertEqual(ranks.errors(), [])

    def test_a_process_that_never_comes(self):
        ranks = Ranks(2, *self.recipe("--dist_timeout", 1))
        ranks.processes[1].kill()
        ranks.wait()
        self.assertEqual(ranks.codes[0], 2)
        self.assertIn("did not all meet", ranks.errors()[0])
        self.assertFalse(self.run_directory.exists())


if __name__ == "__main__":
    unittest.main()
