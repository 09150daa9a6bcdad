"""Several processes do what one does: the same numbers, one directory, one voice."""

import json
import signal
import shutil
import unittest

import numpy as np

from program import (ONE_EPOCH, TINY, TINY_CLASSIFIER, ProgramTest, checkpoints, epochs, run_program, steps, tensors,
                     write_classes)
from ranks import Ranks


def losses(run):
    return [step["loss"] for step in steps(run)]


def positions(run):
    return [(step["step"], step["epoch"], step["lr"]) for step in steps(run)]


class Processes(ProgramTest):
    IMAGES = 23

    def recipe(self, *more):
        return ["pretrain", "--data", self.data, *TINY, "--num_workers", 1, *more]

    def assert_same_run(self, run, other):
        """The same but for the order in which numbers were summed up."""
        self.assertEqual(positions(run), positions(other))
        np.testing.assert_allclose(losses(run), losses(other), rtol=1e-5)
        for line, its in zip(epochs(run), epochs(other)):
            self.assertEqual(line.keys(), its.keys())
            for key in line:
                self.assertAlmostEqual(line[key], its[key], delta=1e-4, msg=key)

    def test_they_train_what_one_trains(self):
        evaluation = ["--eval_data", self.data, "--epochs", 2]
        run_program(*self.recipe("--out", self.folder / "one", "--batch_size", 4, *evaluation), check=True)
        ranks = Ranks(2, *self.recipe("--out", self.run_directory, "--batch_size", 2, *evaluation)).run(self)
        self.assert_same_run(self.run_directory, self.folder / "one")
        ours, alone = (tensors(run / "weights.safetensors") for run in (self.run_directory, self.folder / "one"))
        for name in alone:
            np.testing.assert_allclose(ours[name], alone[name], atol=1e-4, err_msg=name)
        # The first alone speaks and writes.
        self.assertIn("report:", ranks.out[0])
        self.assertEqual((ranks.out[1], ranks.err[1]), ("", ""))
        header = json.loads((self.run_directory / "log.txt").read_text().splitlines()[0])
        self.assertEqual((header["processes"], header["images_per_step"]), (2, 4))

    def test_the_number_may_change_between_starts(self):
        # 23 images: five steps of four, and no number of processes divides them.
        whole = self.folder / "whole"
        run_program(*self.recipe("--out", whole, "--batch_size", 4, "--epochs", 3), check=True)
        Ranks(4, *self.recipe("--out", self.run_directory, "--batch_size", 1, "--epochs", 3, "--save_every_steps", 1,
                              "--keep_last", 100)).run(self)
        for number, last in ((2, 7), (1, 3)):
            for checkpoint in checkpoints(self.run_directory)[last:]:
                checkpoint.unlink()
            ranks = Ranks(number, "pretrain", "--resume", self.run_directory).run(self)
            self.assertIn(f"1 image, {4 // number} micro-batches a step: 4 images a step", ranks.err[0])
        self.assert_same_run(self.run_directory, whole)
        refused = Ranks(3, "pretrain", "--resume", self.run_directory, "--epochs", 4).wait()
        self.assertEqual(refused.codes, [2, 2, 2])
        self.assertEqual(len(refused.errors()), 1, refused.err)
        self.assertIn("start a number of processes that divides 4", refused.errors()[0])

    def test_images_of_a_step_decide_the_accumulation(self):
        ranks = Ranks(2, *self.recipe("--out", self.run_directory, "--batch_size", 2, "--global_batch_size", 8,
                                      "--epochs", 1)).run(self)
        self.assertIn("2 processes of 2 images, 2 micro-batches a step: 8 images a step", ranks.err[0])
        # Five micro-batches of four images; the last step has one.
        self.assertEqual(len(steps(self.run_directory)), 3)
        result = run_program(*self.recipe("--out", self.folder / "other", "--batch_size", 3, "--global_batch_size", 8))
        self.assert_user_error(result, "take --batch_size 2")

    def test_auto_starts_or_continues(self):
        recipe = self.recipe("--out", self.run_directory, "--batch_size", 2, "--resume", "auto", "--epochs")
        Ranks(2, *recipe, 1).run(self)
        self.assertEqual(len(steps(self.run_directory)), 5)
        ranks = Ranks(2, *recipe, 2).run(self)
        self.assertIn("continues", ranks.err[0])
        self.assertEqual(len(steps(self.run_directory)), 10)
        result = run_program("pretrain", "--data", self.data, "--resume", "auto", *TINY)
        self.assert_user_error(result, "--out")

    def test_a_signal_to_any_ends_all_after_the_same_step(self):
        ranks = Ranks(2, *self.recipe("--out", self.run_directory, "--batch_size", 2, "--epochs", 100000))
        self.process = ranks.processes[1]
        self.wait_for_steps(self.run_directory, 3)
        ranks.processes[1].send_signal(signal.SIGTERM)
        ranks.wait()
        self.assertEqual(ranks.codes, [143, 143], ranks.err)
        self.assertEqual(ranks.errors(), [])
        self.assertIn("continue with: convmae pretrain --resume", ranks.out[0])
        self.assertEqual(int(checkpoints(self.run_directory)[-1].stem[5:]), len(steps(self.run_directory)))

    def test_bad_images_of_all_are_listed(self):
        data = self.folder / "images"
        shutil.copytree(self.data, data)
        bad = ["003.png", "004.png", "005.png", "006.png"]
        for name in bad:
            (data / name).write_bytes(b"no image")
        ranks = Ranks(2, "pretrain", "--data", data, "--out", self.run_directory, *TINY, "--batch_size", 2, "--epochs",
                      2, "--max_bad_share", 0.9).run(self)
        listing = (self.run_directory / "bad_samples.jsonl").read_text()
        listed = [json.loads(line)["name"] for line in listing.splitlines()]
        self.assertEqual(sorted(name[-7:] for name in listed), bad)
        self.assertEqual(sum("warning: replaced" in line for line in ranks.err[0].splitlines()), 4)


class Classifiers(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        write_classes(cls.scratch / "classes/train", 12)
        write_classes(cls.scratch / "classes/val", 5, first=12)

    def train(self, command, run, processes, *more):
        arguments = [command, "--data", self.scratch / "classes/train", "--eval_data", self.scratch / "classes/val",
                     "--out", run, *TINY_CLASSIFIER, "--epochs", 2, "--warmup_epochs", 0,
                     "--batch_size", 8 // processes, *more]
        return Ranks(processes, *arguments).run(self)

    def test_both_kinds_train_and_evaluate_as_one_process_does(self):
        for command, more in (("finetune", ["--mixup_group", 4, "--drop_path", 0.2, "--model_ema_decay", 0.9]),
                              ("linprobe", []), ("linprobe", ["--features_cached"])):
            with self.subTest(command=command, more=more):
                runs = [self.folder / f"{command}{len(more)}-{processes}" for processes in (1, 2)]
                for run, processes in zip(runs, (1, 2)):
                    self.train(command, run, processes, *more)
                np.testing.assert_allclose(losses(runs[1]), losses(runs[0]), rtol=1e-4)
                for ours, alone in zip(epochs(runs[1]), epochs(runs[0])):
                    self.assertEqual(ours["test_images"], 10)
                    self.assertAlmostEqual(ours["test_loss"], alone["test_loss"], delta=1e-4)

    def test_they_evaluate_each_image_once(self):
        run = self.folder / "run"
        self.train("finetune", run, 1)
        arguments = [self.scratch / "classes/val", "--checkpoint", run, "--batch_size", 2, "--json"]
        alone = json.loads(run_program("eval", *arguments).stdout)
        ranks = Ranks(3, "eval", *arguments, "--out", self.folder / "evaluation").run(self)
        self.assertEqual(ranks.out[1:], ["", ""])
        together = json.loads(ranks.out[0])
        self.assertEqual(together["images"], 10)
        for key in ("top1", "top5", "loss"):
            self.assertAlmostEqual(together[key], alone[key], places=6)

    def test_features_and_neighbours(self):
        run = self.folder / "run"
        self.train("finetune", run, 1)
        data = [self.scratch / "classes/train", "--checkpoint", run, "--batch_size", 3]
        run_program("features", *data, "--pooled", "--out", self.folder / "alone.npy", check=True)
        Ranks(2, "features", *data, "--pooled", "--out", self.folder / "ours.npy").run(self)
        np.testing.assert_allclose(np.load(self.folder / "ours.npy"), np.load(self.folder / "alone.npy"), rtol=1e-5)
        self.assertEqual((self.folder / "ours.csv").read_text(), (self.folder / "alone.csv").read_text())
        alone = run_program("knn", *data, "--k", 3).stdout
        self.assertEqual(Ranks(3, "knn", *data, "--k", 3).run(self).out[0], alone)


if __name__ == "__main__":
    unittest.main()
