"""--steps and --eval_every_steps: a run's length, and when it is evaluated, in steps."""

import json
import shutil
import signal
import unittest
from pathlib import Path

from program import TINY_CLASSIFIER, checkpoints, epochs, run_program, steps, write_classes
from saving import BEST, SavingTest

CHECKPOINT = Path(__file__).parents[1] / "golden" / "pth" / "checkpoint_legacy.pth"


class StepsTest(SavingTest):
    RECIPE = ["--batch_size", 4]  # 5 steps an epoch

    def lines(self, run=None):
        """Of the log: epoch, step, whether the epoch was over."""
        return [(line["epoch"], line["step"], not line.get("incomplete", False))
                for line in epochs(run or self.run_directory)]

    def evaluated(self, run=None, key="val_loss"):
        return [line["step"] for line in epochs(run or self.run_directory) if key in line]

    def config(self, run=None):
        return ((run or self.run_directory) / "config.toml").read_text().splitlines()

    def result(self):
        return json.loads((self.run_directory / "result.json").read_text())

    def assert_same_runs(self, run, whole):
        self.assertEqual((run / "steps.jsonl").read_bytes(), (whole / "steps.jsonl").read_bytes())
        self.assertEqual(epochs(run), epochs(whole))
        self.assert_same_tensors(run / "weights.safetensors", whole / "weights.safetensors")
        self.assert_same_tensors(checkpoints(run)[-1], checkpoints(whole)[-1])
        self.assertEqual(*((path / "checkpoints" / BEST).resolve().name for path in (run, whole)))


class Length(StepsTest):
    def test_ends_in_the_middle_of_an_epoch(self):
        result = self.pretrain(*self.RECIPE, "--steps", 7, "--eval_data", self.held_out)
        self.assertIn("step 7/7  epoch 2/2", result.stderr)
        self.assertIn("step 7/7  epoch 1.4  loss", result.stderr)
        self.assertEqual(len(steps(self.run_directory)), 7)
        self.assertEqual(self.lines(), [(0, 5, True), (1, 7, False)])
        self.assertEqual(self.evaluated(), [5, 7])
        self.assertEqual(checkpoints(self.run_directory)[-1].stem, "step-00000007")
        found = self.result()
        self.assertEqual((found["status"], found["reason"], found["note"]), ("finished", "schedule", None))
        self.assertEqual([found[key] for key in ("step", "steps", "epochs_done", "epochs")], [7, 7, 1, 2])
        self.assertEqual(found["last"]["step"], 7)
        self.assertEqual(found["best"]["val_loss"],
                         min(line["val_loss"] for line in epochs(self.run_directory)))
        self.assertIn("of 7, 1.4 epochs", (self.run_directory / "report.html").read_text())
        self.assertIn("steps = 7", self.config())
        self.assertFalse([line for line in self.config() if line.startswith("epochs =")])
        again = self.folder / "again"
        result = self.call("--config", self.run_directory / "config.toml", "--out", again)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.config(again), self.config())
        self.assert_same_runs(again, self.run_directory)
        # There is nothing left to do.
        before = epochs(self.run_directory)
        self.assertIn("after step 7 of 7", self.resume().stderr)
        self.assertEqual(epochs(self.run_directory), before)
        self.assertEqual(len(steps(self.run_directory)), 7)

    def test_the_schedule_ends_with_the_run(self):
        self.pretrain(*self.RECIPE, "--steps", 12, "--warmup_steps", 4, "--lr", 0.1, "--min_lr", 0.01)
        rates = [line["lr"] for line in steps(self.run_directory)]
        for step in range(5):
            self.assertAlmostEqual(rates[step], 0.025 * step)
        self.assertAlmostEqual(rates[8], 0.055)  # half-way
        self.assertIn("warmup_steps = 4.0", self.config())
        self.assertFalse([line for line in self.config() if line.startswith("warmup_epochs")])

    def test_counts_steps_of_the_optimizer(self):
        self.pretrain(*self.RECIPE, "--accum_iter", 2, "--steps", 5)  # 3 an epoch, of 2, 2 and 1 batches
        self.assertEqual([round(line["epoch"], 9) for line in steps(self.run_directory)],
                         [0, 0.4, 0.8, 1, 1.4])
        self.assertEqual(self.lines(), [(0, 3, True), (1, 5, False)])

    def test_another_one_on_the_way(self):
        self.pretrain(*self.RECIPE, "--steps", 7, "--warmup_steps", 2, "--eval_data", self.held_out)
        self.resume("--steps", 12)
        self.assertEqual(self.lines(), [(0, 5, True), (1, 7, False), (1, 10, True), (2, 12, False)])
        self.assertIn("steps = 12", self.config())
        for length, done in ((["--steps", 11], "12 steps"), (["--epochs", 2], "2.4 epochs")):
            result = self.call("--resume", self.run_directory, *length)
            self.assert_user_error(result, done, " ".join(map(str, length)), "at least as many")
        self.resume("--epochs", 3)
        self.assertEqual(len(steps(self.run_directory)), 15)
        self.assertIn("epochs = 3", self.config())
        self.assertFalse([line for line in self.config() if line.startswith("steps =")])
        self.resume("--steps", 17)
        self.assertEqual(self.lines()[2:], [(1, 10, True), (2, 12, False), (2, 15, True), (3, 17, False)])

    def test_is_one_of_two_things(self):
        config = self.folder / "c.toml"
        new = ["--config", config, "--data", self.data]
        for pair, other in ((["epochs", "steps"], 3), (["warmup_epochs", "warmup_steps"], 0),
                            (["eval_every_epochs", "eval_every_steps"], 2)):
            config.write_text("".join(f"{key} = 1\n" for key in pair))
            self.assert_user_error(self.call(*new, "--out", self.run_directory), *map(repr, pair),
                                   "keep one of them")
            config.write_text("")
            flags = [word for key in pair for word in ("--" + key, 1)]
            self.assert_user_error(self.call(*new, "--out", self.run_directory, *flags),
                                   *("--" + key for key in pair), "leave one of them out")
        self.assertFalse(self.run_directory.exists())
        for number, (text, flags, count) in enumerate((("epochs = 9", ["--steps", 3], 3),
                                                       ("steps = 9", ["--epochs", 1], 5))):
            config.write_text(text + "\n")
            out = self.folder / f"run-{number}"
            self.pretrain(*new, *self.RECIPE, *flags, out=out)
            self.assertEqual(len(steps(out)), count)

    def test_what_makes_no_sense_is_refused(self):
        for flags, said in ((["--steps", 0], ["--steps"]), (["--steps", -1], ["--steps"]),
                            (["--steps", 5, "--warmup_epochs", 1], ["--warmup_epochs", "1 epochs"]),
                            (["--steps", 5, "--warmup_steps", 5], ["--warmup_steps", "5 steps"]),
                            (["--epochs", 2, "--warmup_steps", 10], ["--warmup_steps", "10 steps"]),
                            (["--epochs", 1, "--warmup_steps", -1], ["--warmup_steps"]),
                            (["--epochs", 1, "--eval_every_steps", 2], ["--eval_every_steps", "--eval_data"]),
                            (["--epochs", 1, "--eval_data", self.held_out, "--eval_every_steps", 0],
                             ["--eval_every_steps"])):
            with self.subTest(flags=flags):
                self.assert_user_error(self.pretrain(*self.RECIPE, *flags, expect=2), *said)
        self.assertFalse(self.run_directory.exists())

    def test_counts_what_another_program_has_trained(self):
        def go_on(number):
            return self.call("--data", self.data, "--out", self.run_directory, "--threads", 1,
                             "--panel_images", 0, "--init", CHECKPOINT, "--init_optimizer",
                             "--batch_size", 10, "--num_heads", 2, "--decoder_num_heads", 2,
                             "--warmup_steps", 9, "--steps", number)
        self.assert_user_error(go_on(80), "41 epochs (82 steps)", "--steps 80")
        self.assertFalse(self.run_directory.exists())
        result = go_on(83)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([line["step"] for line in steps(self.run_directory)], [83])


class Evaluation(StepsTest):
    RECIPE = ["--batch_size", 4, "--accum_iter", 2, "--steps", 8, "--eval_every_steps", 2,
              "--warmup_steps", 0, "--lr", 0.2, "--save_every_steps", 1, "--keep_last", 100]

    def cut(self, run, step, evaluated):
        """A copy of the run as it was when it was killed after that step, or in its evaluation."""
        copy = self.folder / f"cut-{step}-{evaluated}"
        shutil.copytree(run, copy, symlinks=True)
        for path in (copy / "checkpoints").glob("*-0*"):
            number = int(path.stem.split("-")[1])
            if number > step or (number == step and not evaluated and path.suffix == ".json"):
                path.unlink()
        (copy / "weights.safetensors").unlink()
        return copy

    def test_any_cut_continues_exactly(self):
        self.pretrain(*self.RECIPE, "--eval_data", self.held_out)
        # 3 steps an epoch.
        self.assertEqual(self.lines(), [(0, 2, False), (0, 3, True), (1, 4, False), (1, 6, True), (2, 8, False)])
        self.assertEqual(self.evaluated(), [2, 4, 6, 8])
        scores = {line["step"]: line["val_loss"] for line in epochs(self.run_directory) if "val_loss" in line}
        self.assertEqual(self.best(), f"step-{min(scores, key=scores.get):08}.safetensors")
        for step, evaluated in ((1, False), (2, False), (2, True), (3, True), (3, False), (4, False), (4, True),
                                (6, False), (6, True), (8, False)):
            with self.subTest(step=step, evaluated=evaluated):
                run = self.cut(self.run_directory, step, evaluated)
                result = self.call("--resume", run)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assert_same_runs(run, self.run_directory)

    def test_is_said_and_saved(self):
        result = self.pretrain("--batch_size", 4, "--epochs", 2, "--eval_every_steps", 4, "--eval_data",
                               self.held_out, "--save_every_epochs", 0, "--keep_last", 9)
        self.assertEqual(self.evaluated(), [4, 8, 10])
        self.assertEqual([path.stem for path in checkpoints(self.run_directory)],
                         ["step-00000004", "step-00000008", "step-00000010"])
        self.assertIn("epoch 0.8/2  loss", result.stderr)
        self.assertIn("eval_every_steps = 4", self.config())
        self.assertFalse([line for line in self.config() if line.startswith("eval_every_epochs")])
        found = json.loads(run_program("compare", self.run_directory, "--out", self.folder / "c.html",
                                       "--json").stdout)
        self.assertEqual((found["runs"][0]["epochs"], found["runs"][0]["steps"]), (2, 10))

    def test_killed_or_stopped_in_the_middle_of_it(self):
        recipe = ["--batch_size", 4, "--steps", 4, "--eval_every_steps", 3, "--eval_data", self.many]
        whole = self.folder / "whole"
        self.pretrain(*recipe, out=whole)
        for number in (signal.SIGKILL, signal.SIGTERM):
            with self.subTest(signal=number):
                self.run_directory = self.folder / f"run-{number}"
                process = self.new_run(*recipe)
                self.wait_for_checkpoint(process, 3)
                process.send_signal(number)
                process.communicate()
                self.assertEqual(epochs(self.run_directory), [])  # so it did evaluate
                self.assertEqual(len(steps(self.run_directory)), 3)
                self.resume()
                self.assert_same_runs(self.run_directory, whole)

    def test_of_classifiers(self):
        classes = self.folder / "classes"
        write_classes(classes, 8)  # 4 steps an epoch
        recipe = ["--data", classes, "--eval_data", classes, *TINY_CLASSIFIER, "--steps", 7, "--warmup_steps", 2,
                  "--eval_every_steps", 3, "--save_every_steps", 1, "--keep_last", 100]
        for command, flags in (("finetune", ["--model_ema_decay", 0.9]), ("linprobe", []),
                               ("linprobe", ["--features_cached"])):
            with self.subTest(command=command, flags=flags):
                run = self.run_directory = self.folder / f"{command}{len(flags)}"
                result = run_program(command, *recipe, *flags, "--out", run)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(self.lines(), [(0, 3, False), (0, 4, True), (1, 6, False), (1, 7, False)])
                self.assertEqual(self.evaluated(key="test_acc1"), [3, 6, 7])
                self.assertIn("of 7, 1.75 epochs", (run / "report.html").read_text())
                for step, evaluated in ((2, False), (3, False), (6, True), (7, False)):
                    other = self.cut(run, step, evaluated)
                    result = run_program(command, "--resume", other)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assert_same_runs(other, run)
                    shutil.rmtree(other)


if __name__ == "__main__":
    unittest.main()
