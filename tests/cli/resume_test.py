"""A run that was interrupted and continued equals one that was not, to the last bit."""

import json
import shutil
import signal
import time
import unittest

from program import ProgramTest, checkpoints, cpu_has_bf16, epochs, steps


class Resume(ProgramTest):
    # 5 batches an epoch, so 3 steps with a tail of one batch: 9 steps in all.
    RECIPE = ["--batch_size", 4, "--accum_iter", 2, "--epochs", 3, "--save_every_steps", 1,
              "--keep_last", 100, "--clip_grad", 0.5]

    def cut(self, run, step):
        """A copy of the run as it was when it was killed some time after that step's checkpoint."""
        copy = self.folder / f"cut-{step}-{time.monotonic_ns()}"
        shutil.copytree(run, copy, symlinks=True)
        for path in checkpoints(copy):
            if int(path.stem.split("-")[1]) > step:
                path.unlink()
        (copy / "weights.safetensors").unlink()
        return copy

    def test_any_cut_and_any_number_of_loader_threads(self):
        self.pretrain(*self.RECIPE, "--num_workers", 2)
        self.assertEqual(len(steps(self.run_directory)), 9)
        for step in (1, 5, 6):  # in the first epoch, in the second, between epochs
            for workers in (1, 2, 4):
                with self.subTest(step=step, workers=workers):
                    run = self.cut(self.run_directory, step)
                    result = self.call("--resume", run, "--num_workers", workers)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assert_same_tensors(checkpoints(run)[-1],
                                             checkpoints(self.run_directory)[-1])
                    self.assertEqual((run / "steps.jsonl").read_bytes(),
                                     (self.run_directory / "steps.jsonl").read_bytes())
                    self.assertEqual(epochs(run), epochs(self.run_directory))

    @unittest.skipUnless(cpu_has_bf16(), "this CPU has no bfloat16 arithmetic")
    def test_bf16_stays_bf16(self):
        self.pretrain(*self.RECIPE, "--precision", "bf16")
        losses = lambda run: [step["loss"] for step in steps(run)]
        self.pretrain(*self.RECIPE, out=self.folder / "fp32")
        self.assertNotEqual(losses(self.run_directory), losses(self.folder / "fp32"))
        for ours, exact in zip(losses(self.run_directory), losses(self.folder / "fp32")):
            self.assertAlmostEqual(ours / exact, 1, delta=0.02)
        run = self.cut(self.run_directory, 5)
        result = self.call("--resume", run)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("warning", result.stderr)
        self.assert_same_tensors(checkpoints(run)[-1], checkpoints(self.run_directory)[-1])
        other = self.call("--resume", self.cut(self.run_directory, 5), "--precision", "fp32")
        self.assertIn("--precision bf16", other.stderr)

    def test_signals_write_a_checkpoint(self):
        self.pretrain("--batch_size", 4, "--epochs", 200, out=self.folder / "whole")
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(signal=number):
                run = self.folder / f"run-{code}"
                process = self.start("--data", self.data, "--out", run, *self.tiny(),
                                     "--batch_size", 4, "--epochs", 200,
                                     "--save_every_epochs", 0)
                self.wait_for_steps(run, 3)
                process.send_signal(number)
                out, err = process.communicate()
                self.assertEqual(process.returncode, code, err)
                self.assertIn(f"--resume {run}", out)
                done = len(steps(run))
                self.assertLess(done, 1000)
                self.assertEqual(checkpoints(run)[-1].stem, f"step-{done:08}")
                result = self.call("--resume", run)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(steps(run), steps(self.folder / "whole"))
                self.assert_same_tensors(run / "weights.safetensors",
                                         self.folder / "whole" / "weights.safetensors")

    def test_another_model_or_data_is_refused(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        before = checkpoints(self.run_directory)
        for arguments, fragment in (
            (["--model", "tiny"], "embed_dim"),
            (["--mask_ratio", "0.5"], "mask_ratio"),
            (["--batch_size", "3"], "--batch_size 2"),
            (["--accum_iter", "2"], "10 images a step, found 20"),
            (["--seed", "1"], "--seed 0"),
            (["--out", self.folder / "x"], "--resume"),
        ):
            with self.subTest(arguments=arguments):
                result = self.call("--resume", self.run_directory, *arguments)
                self.assert_user_error(result, fragment)
        self.assertEqual(checkpoints(self.run_directory), before)

    def test_more_epochs(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        result = self.call("--resume", self.run_directory, "--epochs", 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([line["epoch"] for line in epochs(self.run_directory)], [0, 1])
        header = json.loads((self.run_directory / "log.txt").read_text().splitlines()[0])
        self.assertEqual([entry["step"] for entry in header["resumed"]], [2])

    def test_a_damaged_checkpoint_is_passed_over(self):
        self.pretrain("--batch_size", 10, "--epochs", 4, "--keep_last", 2)
        newest = checkpoints(self.run_directory)[-1]
        intact = newest.read_bytes()
        for damage in ("cut", "flip"):
            with self.subTest(damage=damage):
                content = bytearray(intact)
                if damage == "cut":
                    del content[-1000:]
                else:
                    content[len(content) // 2] ^= 1
                newest.write_bytes(content)
                result = self.call("--resume", self.run_directory)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("warning", result.stderr)
                self.assertEqual(len(steps(self.run_directory)), 8)
                self.assertEqual(newest.read_bytes()[-1000:], intact[-1000:])

    def test_time_limit_ends_in_good_order(self):
        self.pretrain("--batch_size", 4, "--epochs", 100000, "--max_minutes", 0.04,
                      "--save_every_epochs", 0)
        self.assertTrue((self.run_directory / "weights.safetensors").exists())
        done = len(steps(self.run_directory))
        self.assertEqual(checkpoints(self.run_directory)[-1].stem, f"step-{done:08}")

    def tiny(self):
        from program import TINY

        return TINY


if __name__ == "__main__":
    unittest.main()
