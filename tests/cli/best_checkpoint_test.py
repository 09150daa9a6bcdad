"""The checkpoint that is called the best is the best."""

import os
import shutil
import subprocess
import unittest

from program import TINY, checkpoints, epochs, run_program, steps
from saving import BEST, SavingTest


class Best(SavingTest):
    RECIPE = ["--batch_size", 10, "--warmup_epochs", 0]

    def ranked(self):
        """The scores in the log by the names of the checkpoints that they belong to."""
        return {f"step-{2 * (line['epoch'] + 1):08}.safetensors": line["val_loss"]
                for line in epochs(self.run_directory) if "val_loss" in line}

    def assert_best_is_best(self):
        left = {path.name for path in checkpoints(self.run_directory)}
        scores = self.ranked()
        self.assertIn(self.best(), left)
        self.assertEqual(scores[self.best()], min(scores.values()))

    def test_is_never_worse_than_another(self):
        # Steps this large make the loss go up and down.
        for keep in (1, 3):
            with self.subTest(keep_last=keep):
                self.run_directory = self.folder / f"run-{keep}"
                self.pretrain(*self.RECIPE, "--epochs", 12, "--lr", 0.2, "--eval_data",
                              self.held_out, "--keep_last", keep, "--save_every_epochs", 5,
                              "--save_every_steps", 3)
                scores = list(self.ranked().values())
                self.assertEqual(len(scores), 12)
                self.assertNotEqual(scores.index(min(scores)), 11)
                self.assert_best_is_best()
                self.assertLessEqual(len(checkpoints(self.run_directory)), keep + 1)
                notes = (self.run_directory / "checkpoints").glob("score-*.json")
                self.assertLessEqual({path.stem[6:] for path in notes},
                                     {path.stem[5:] for path in checkpoints(self.run_directory)})

    def test_what_is_evaluated_is_saved(self):
        self.pretrain(*self.RECIPE, "--epochs", 3, "--eval_data", self.held_out,
                      "--eval_every_epochs", 2, "--save_every_epochs", 0, "--keep_last", 9)
        self.assertEqual([path.stem for path in checkpoints(self.run_directory)],
                         ["step-00000004", "step-00000006"])
        self.assert_best_is_best()

    def test_needs_held_out_images(self):
        self.pretrain(*self.RECIPE, "--epochs", 3, "--lr", 0.2)
        self.assertFalse(os.path.lexists(self.run_directory / "checkpoints" / BEST))

        def features(checkpoint):
            out = self.folder / f"{checkpoint.name}.npy"
            result = run_program("features", "--checkpoint", checkpoint, "--data", self.held_out,
                                 "--stages", 3, "--out", out)
            self.assertEqual(result.returncode, 0, result.stderr)
            return out.read_bytes()

        last, before = checkpoints(self.run_directory)[::-1]
        self.assertEqual(features(self.run_directory), features(last))
        self.assertNotEqual(features(last), features(before))

    def test_a_score_that_is_not_finite_is_none(self):
        recipe = [*self.RECIPE, "--lr", 1e30, "--eval_data", self.held_out]
        self.pretrain(*recipe, "--epochs", 1, expect=2)
        self.assertIsNone(epochs(self.run_directory)[0]["val_loss"])
        self.assertFalse(os.path.lexists(self.run_directory / "checkpoints" / BEST))
        result = self.call("--resume", self.run_directory, "--epochs", 2)
        self.assert_user_error(result, "ends without a trained model", "2 of 2 steps were skipped")
        self.assertNotIn("damaged", result.stderr)
        self.assertEqual(len(steps(self.run_directory)), 4)

    def test_a_missing_score_is_found_again(self):
        self.pretrain(*self.RECIPE, "--epochs", 2, "--eval_data", self.held_out)
        scores = self.ranked()
        for path in (self.run_directory / "checkpoints").glob("score-*.json"):
            path.unlink()
        (self.run_directory / "checkpoints" / BEST).unlink()
        self.resume()
        self.assertEqual(self.best(), "step-00000004.safetensors")
        self.assertEqual(self.ranked(), scores)
        self.assertEqual(len(steps(self.run_directory)), 4)

    def test_the_last_evaluation_at_a_time_limit_counts(self):
        process = self.new_run("--batch_size", 1, "--warmup_epochs", 0, "--epochs", 2,
                               "--eval_data", self.held_out, "--max_minutes", 0.05, data=self.many)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 0, err)
        self.assertTrue(epochs(self.run_directory)[-1]["incomplete"])
        self.assertIn("val_loss", epochs(self.run_directory)[-1])
        (only,) = checkpoints(self.run_directory)
        self.assertEqual(self.best(), only.name)

    def test_a_file_system_without_links(self):
        compiler = shutil.which("cc") or shutil.which("c++") or shutil.which("gcc")
        source = self.folder / "no_links.c"
        source.write_text("#include <errno.h>\n" + "".join(
            f"int {call} {{ errno = EPERM; return -1; }}\n"
            for call in ("symlink(const char *a, const char *b)",
                         "symlinkat(const char *a, int f, const char *b)",
                         "link(const char *a, const char *b)",
                         "linkat(int f, const char *a, int g, const char *b, int h)")))
        library = self.folder / "no_links.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
        environment = dict(os.environ, LD_PRELOAD=str(library),
                           ASAN_OPTIONS="verify_asan_link_order=0")
        result = self.call("--data", self.data, "--out", self.run_directory, *TINY, *self.RECIPE,
                           "--epochs", 6, "--lr", 0.2, "--eval_data", self.held_out,
                           "--keep_last", 9, env=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(os.path.lexists(self.run_directory / "checkpoints" / BEST))
        scores = self.ranked()
        best = min(scores, key=scores.get)
        out = {}
        for name, checkpoint in (("run", self.run_directory),
                                 ("best", self.run_directory / "checkpoints" / best)):
            out[name] = self.folder / f"{name}.npy"
            run_program("features", "--checkpoint", checkpoint, "--data", self.held_out,
                        "--stages", 3, "--out", out[name])
        self.assertEqual(out["run"].read_bytes(), out["best"].read_bytes())


if __name__ == "__main__":
    unittest.main()
