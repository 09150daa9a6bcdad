"""--resume of a checkpoint file: the run goes back to it, and what came after is kept."""

import os
import shutil
import unittest

from program import ProgramTest, checkpoints, steps

RECIPE = ["--batch_size", 4, "--epochs", 3, "--save_every_steps", 1, "--keep_last", 100]


class GoingBack(ProgramTest):
    def setUp(self):
        super().setUp()
        self.pretrain(*RECIPE)  # 5 steps an epoch
        self.whole = self.folder / "whole"
        shutil.copytree(self.run_directory, self.whole, symlinks=True)

    def checkpoint(self, step):
        return self.run_directory / "checkpoints" / f"step-{step:08}.safetensors"

    def test_to_the_same_run_again(self):
        result = self.call("--resume", self.checkpoint(7))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("goes back to step 7", result.stderr)
        self.assertIn("after-step-00000007", result.stderr)
        self.assertEqual(steps(self.run_directory), steps(self.whole))
        self.assert_same_tensors(self.run_directory / "weights.safetensors",
                                 self.whole / "weights.safetensors")
        aside = self.run_directory / "after-step-00000007"
        self.assertEqual([path.name for path in checkpoints(aside)],
                         [f"step-{step:08}.safetensors" for step in range(8, 16)])
        for path in (*checkpoints(aside), aside / "weights.safetensors", aside / "log.txt",
                     aside / "steps.jsonl", aside / "config.toml", aside / "report.html"):
            self.assertEqual(path.read_bytes(),
                             (self.whole / path.relative_to(aside)).read_bytes(), path)

    def test_to_another_end(self):
        for lr in (1e-4, 2e-4):
            result = self.call("--resume", self.checkpoint(5), "--lr", lr)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(steps(self.run_directory)[:5], steps(self.whole)[:5])
            self.assertNotEqual(steps(self.run_directory)[14], steps(self.whole)[14])
        folders = sorted(name for name in os.listdir(self.run_directory) if "after" in name)
        self.assertEqual(folders, ["after-step-00000005", "after-step-00000005-2"])
        # They are the user's from now on.
        self.pretrain(*RECIPE, "--overwrite")
        for folder in folders:
            self.assertEqual(len(checkpoints(self.run_directory / folder)), 10)

    def test_to_the_newest_is_to_continue(self):
        result = self.call("--resume", self.checkpoint(15), "--epochs", 4)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(steps(self.run_directory)), 20)
        self.assertFalse([name for name in os.listdir(self.run_directory) if "after" in name])

    def test_by_other_paths(self):
        inside = self.run_directory / "checkpoints"
        for path in ("step-00000014.safetensors", "./best.safetensors",
                     "../checkpoints/step-00000014.safetensors"):
            # Without held-out images a run has no such link, and removes it.
            (inside / "best.safetensors").symlink_to("step-00000014.safetensors")
            result = self.call("--resume", path, cwd=inside)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("goes back to step 14", result.stderr)

    def test_a_damaged_one_is_not_passed_over(self):
        content = bytearray(self.checkpoint(7).read_bytes())
        content[len(content) // 2] ^= 1
        self.checkpoint(7).write_bytes(content)
        before = sorted(self.run_directory.rglob("*"))
        self.assert_user_error(self.call("--resume", self.checkpoint(7)), "step-00000007",
                               "damaged")
        self.assertEqual(sorted(self.run_directory.rglob("*")), before)

    def test_other_files_are_none(self):
        elsewhere = self.folder / "step-00000007.safetensors"
        shutil.copy(self.checkpoint(7), elsewhere)
        stray = self.folder / "checkpoints" / "step-00000007.safetensors"
        stray.parent.mkdir()
        shutil.copy(self.checkpoint(7), stray)
        copy = self.checkpoint(7).with_name("mine.safetensors")
        shutil.copy(self.checkpoint(7), copy)
        for path in (elsewhere, stray, copy, self.run_directory / "weights.safetensors",
                     self.run_directory / "log.txt"):
            self.assert_user_error(self.call("--resume", path), "--resume", "'checkpoints'",
                                   "--init")
        self.assert_user_error(self.call("--resume", self.checkpoint(99)), "--resume")

    def test_with_flags_of_another_run(self):
        for flags in (["--seed", 1], ["--batch_size", 5], ["--model", "tiny"]):
            self.assertEqual(self.call("--resume", self.checkpoint(7), *flags).returncode, 2)
        self.assertEqual(len(checkpoints(self.run_directory)), 15)


if __name__ == "__main__":
    unittest.main()
