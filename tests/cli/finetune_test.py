"""Classifiers: training, continuing, measuring and using them."""

import io
import json
import shutil
import tarfile
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from program import (TINY_CLASSIFIER, ProgramTest, checkpoints, cpu_has_bf16, epochs, metadata_of, run_program,
                     steps, tensors, write_classes, write_images)


class ClassifierTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.classes = cls.scratch / "classes"
        write_classes(cls.classes / "train", 8)
        write_classes(cls.classes / "val", 4)

    def train(self, command, *arguments, out=None, expect=0):
        result = run_program(command, "--data", self.classes, "--out", out or self.run_directory,
                             *TINY_CLASSIFIER, *arguments)
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def cut(self, step):
        """A copy of the run as it was when it was killed some time after that step's checkpoint."""
        copy = self.folder / f"cut-{step}"
        shutil.copytree(self.run_directory, copy, symlinks=True)
        for path in checkpoints(copy):
            if int(path.stem.split("-")[1]) > step:
                path.unlink()
        (copy / "weights.safetensors").unlink()
        return copy

    def assert_continues_exactly(self, command, step):
        run = self.cut(step)
        result = run_program(command, "--resume", run, "--num_workers", 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_same_tensors(checkpoints(run)[-1], checkpoints(self.run_directory)[-1])
        self.assert_same_tensors(run / "weights.safetensors",
                                 self.run_directory / "weights.safetensors")
        self.assertEqual((run / "steps.jsonl").read_bytes(),
                         (self.run_directory / "steps.jsonl").read_bytes())
        self.assertEqual(epochs(run), epochs(self.run_directory))


class Finetune(ClassifierTest):
    RECIPE = ["--epochs", 3, "--warmup_epochs", 1, "--accum_iter", 2, "--clip_grad", 1,
              "--model_ema_decay", 0.9, "--save_every_steps", 1, "--keep_last", 100]

    def test_any_cut_continues_exactly(self):
        self.train("finetune", "--eval_data", self.classes, *self.RECIPE)
        self.assertEqual(len(steps(self.run_directory)), 6)
        self.assertTrue(any(name.startswith("ema.")
                            for name in tensors(checkpoints(self.run_directory)[-1])))
        for step in (1, 2, 5):
            with self.subTest(step=step):
                self.assert_continues_exactly("finetune", step)

    def test_the_average_is_what_is_measured_and_saved(self):
        self.train("finetune", "--eval_data", self.classes, *self.RECIPE)
        last = tensors(checkpoints(self.run_directory)[-1])
        saved = tensors(self.run_directory / "weights.safetensors")
        self.assertTrue(np.array_equal(saved["head.weight"], last["ema.head.weight"]))
        self.assertFalse(np.array_equal(saved["head.weight"], last["head.weight"]))

    def test_learns_colours_and_says_so_afterwards(self):
        self.train("finetune", "--eval_data", self.classes, "--epochs", 12, "--warmup_epochs", 1,
                   "--lr", "0.01", "--layer_decay", 1, "--aa", "none", "--mixup", 0, "--cutmix", 0,
                   "--reprob", 0, "--drop_path", 0, "--smoothing", 0)
        self.assertEqual(max(line["test_acc1"] for line in epochs(self.run_directory)), 100)
        best = (self.run_directory / "checkpoints" / "best.safetensors").resolve()
        self.assertTrue(best.exists())
        self.assertIn("Accuracy on held-out images",
                      (self.run_directory / "report.html").read_text())

        out = self.folder / "eval"
        result = run_program("eval", "--checkpoint", self.run_directory, "--data", self.classes,
                             "--out", out, "--per_class")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("top-1 100.000 %", result.stdout)
        found = json.loads((out / "eval.json").read_text())
        self.assertEqual(found["images"], 8)
        self.assertEqual([c["name"] for c in found["classes"]], ["blue", "red"])
        self.assertEqual((out / "confusion.csv").read_text(),
                         "class,blue,red\nblue,4,0\nred,0,4\n")
        with Image.open(out / "confusion.png") as picture:
            self.assertEqual(picture.size, (600, 600))

        image = self.classes / "val" / "red" / "000.png"

        def predict(precision):
            result = run_program("predict", "--checkpoint", self.run_directory, "--json", image,
                                 "--precision", precision)
            self.assertEqual(result.returncode, 0, result.stderr)
            (row,) = json.loads(result.stdout)
            return {c["name"]: c["probability"] for c in row["classes"]}

        exact = predict("fp32")
        self.assertEqual(list(exact), ["red", "blue"])
        self.assertAlmostEqual(sum(exact.values()), 1, places=6)
        self.assert_user_error(run_program("predict", "--checkpoint", self.run_directory, image,
                                           "--precision", "half"), "half")
        if cpu_has_bf16():
            rounded = predict("bf16")
            self.assertNotEqual(rounded, exact)
            self.assertAlmostEqual(rounded["red"], exact["red"], delta=0.02)
            result = run_program("eval", "--checkpoint", self.run_directory, "--data", self.classes,
                                 "--precision", "bf16")
            self.assertIn("top-1 100.000 %", result.stdout)

    def test_starts_from_pretraining_of_other_size_and_channels(self):
        result = self.pretrain("--batch_size", 10, "--epochs", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        weights = self.run_directory / "weights.safetensors"
        grey = self.folder / "grey"
        for split in ("train", "val"):
            for name in ("blue", "red"):
                (grey / split / name).mkdir(parents=True)
                for path in (self.classes / split / name).iterdir():
                    Image.open(path).convert("L").save(grey / split / name / path.name)
        for init in ("mean", "repeat", "random"):
            with self.subTest(init=init):
                run = self.folder / init
                result = run_program(
                    "finetune", "--data", grey, "--init", weights, "--out", run, "--in_chans", 1,
                    "--input_size", 48, 32, "--in_chans_init", init, "--aa", "none", "--epochs", 1,
                    "--warmup_epochs", 0, "--batch_size", 4, "--threads", 1)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("2x2 grid interpolated to 3x2", result.stderr)
                self.assertEqual(tensors(run / "weights.safetensors")["patch_embed1.proj.weight"]
                                 .shape, (8, 1, 4, 4))

    def test_a_published_checkpoint_is_rebuilt_from_its_shapes(self):
        result = run_program("finetune", "--data", self.classes, "--out", self.run_directory,
                             "--model", "nano", "--depth", 1, 0, 1, "--input_size", 32, "--epochs",
                             1, "--warmup_epochs", 0, "--batch_size", 4, "--threads", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        ours = self.run_directory / "weights.safetensors"
        published = self.folder / "published.pth"
        torch.save({"model": load_file(ours), "epoch": 1}, published)
        measured = [run_program("eval", "--checkpoint", path, "--data", self.classes, "--threads", 1)
                    for path in (ours, published)]
        for result in measured:
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(*[result.stdout.splitlines()[1] for result in measured])

    def test_numbers_in_a_list_name_classes_however_large(self):
        def images(name, split, **labels):
            path = self.folder / f"{name}.csv"
            path.write_text("".join(f"{image},{label}\n" for folder, label in labels.items()
                                    for image in sorted((self.classes / split / folder).iterdir())))
            return path
        result = run_program("finetune", "--data", images("train", "train", blue=30000000, red=7),
                             "--eval_data", images("val", "val", red=7), "--out",
                             self.run_directory, *TINY_CLASSIFIER, "--epochs", 1, "--warmup_epochs", 0)
        self.assertEqual(result.returncode, 0, result.stderr)
        task = json.loads(metadata_of(self.run_directory / "weights.safetensors")["convmae.task"])
        self.assertEqual(task["classes"], ["7", "30000000"])
        for labels, images_of in (({"blue": 30000000}, [0, 4]), ({"red": 7}, [4, 0])):
            result = run_program("eval", "--checkpoint", self.run_directory, "--data",
                                 images("some", "val", **labels), "--out", self.folder / "eval")
            self.assertEqual(result.returncode, 0, result.stderr)
            found = json.loads((self.folder / "eval" / "eval.json").read_text())
            self.assertEqual([c["images"] for c in found["classes"]], images_of)
        # As many numbers, but others.
        result = run_program("eval", "--checkpoint", self.run_directory, "--data",
                             images("other", "val", blue=0, red=7))
        self.assert_user_error(result, "the class '0'")

    def test_mixing_modes(self):
        for mode in ("batch", "pair", "element"):
            with self.subTest(mode=mode):
                self.train("finetune", "--epochs", 1, "--warmup_epochs", 0, "--mixup_mode", mode,
                           "--mixup_group", 2, out=self.folder / mode)

    def test_what_does_not_fit_is_refused(self):
        flat = self.folder / "flat"
        write_images(flat, 4)
        ilsvrc = self.folder / "ilsvrc"
        ilsvrc.mkdir()
        for i in range(4):
            shutil.copy(flat / f"{i:03}.png", ilsvrc / f"ILSVRC2012_val_{i + 1:08}.png")
        other = self.folder / "other"
        write_classes(other, 1, names=("green", "red"))
        for arguments, fragments in (
            (["--data", flat], ["--data", "classes"]),
            (["--eval_data", flat], ["--eval_data", "classes"]),
            (["--eval_data", ilsvrc], ["--eval_data", "ILSVRC2012", "list"]),
            (["--eval_data", other], ["--eval_data", "green"]),
            (["--aa", "rand-m9-q3"], ["--aa", "q3"]),
            (["--aa", "rand-m9-n1e300-inc1"], ["--aa", "operations"]),
            (["--aa", "rand-mnan-inc1"], ["--aa", "levels"]),
            (["--drop_path", 1], ["--drop_path"]),
            (["--mixup_group", 3], ["3"]),
            (["--pool", "max"], ["mean or token"]),
            (["--init", self.folder / "none.pth"], ["none.pth"]),
        ):
            with self.subTest(arguments=arguments):
                result = run_program("finetune", "--data", self.classes, "--out",
                                     self.run_directory, *TINY_CLASSIFIER, *arguments)
                self.assert_user_error(result, *fragments)
        self.assertFalse((self.run_directory / "log.txt").exists())

    def test_the_published_recipe_is_a_configuration(self):
        root = Path(__file__).resolve().parents[2]
        self.train("finetune", "--config", root / "configs" / "finetune_base_in1k.toml",
                   "--mixup_group", 0, "--accum_iter", 1, "--epochs", 1, "--warmup_epochs", 0)
        settings = (self.run_directory / "config.toml").read_text()
        self.assertIn("layer_decay = 0.65", settings)
        again = self.folder / "again"
        result = run_program("finetune", "--config", self.run_directory / "config.toml", "--out",
                             again)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_same_tensors(again / "weights.safetensors",
                                 self.run_directory / "weights.safetensors")


class Linprobe(ClassifierTest):
    def test_leaves_the_encoder_as_it_is_and_continues_exactly(self):
        self.pretrain("--batch_size", 10, "--epochs", 1, out=self.folder / "pretrained")
        weights = self.folder / "pretrained" / "weights.safetensors"
        for cached in ([], ["--features_cached"]):
            with self.subTest(cached=cached):
                shutil.rmtree(self.run_directory, ignore_errors=True)
                result = run_program(
                    "linprobe", "--data", self.classes, "--eval_data", self.classes, "--init",
                    weights, "--out", self.run_directory, "--threads", 1, "--batch_size", 4,
                    "--epochs", 3, "--warmup_epochs", 1, "--save_every_steps", 1, "--keep_last",
                    100, *cached)
                self.assertEqual(result.returncode, 0, result.stderr)
                before, after = tensors(weights), tensors(self.run_directory /
                                                          "weights.safetensors")
                for name in ("blocks1.0.conv1.weight", "blocks3.0.attn.qkv.weight"):
                    self.assertTrue(np.array_equal(before[name], after[name]), name)
                self.assertEqual(after["head.1.weight"].shape, (2, 16))
                for step in (3, 4):
                    run = self.cut(step)
                    self.assert_continues_exactly_from(run)
                    shutil.rmtree(run)
                result = run_program("eval", "--checkpoint", self.run_directory, "--data",
                                     self.classes)
                self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_batch_of_one_image_is_refused(self):
        for cached in ([], ["--features_cached"]):
            with self.subTest(cached=cached):
                result = self.train("linprobe", "--batch_size", 1, *cached, expect=2)
                self.assert_user_error(result, "--batch_size must be 2 or more", "batch norm")
        self.assertFalse(self.run_directory.exists())

    def test_statistics_move_with_the_steps_that_are_taken(self):
        same = self.folder / "same"  # classes that nothing tells apart: the head grows without end
        for name in ("a", "b"):
            shutil.copytree(self.classes / "train" / "blue", same / name)
        result = run_program("linprobe", "--data", same, "--out", self.run_directory, *TINY_CLASSIFIER,
                             "--accum_iter", 3, "--epochs", 3, "--warmup_epochs", 0, "--lr", "3e38",
                             "--max_skipped_steps", 0, "--save_every_steps", 1, "--keep_last", 100)
        self.assert_user_error(result, "ends without a trained model")
        # An epoch's four micro-batches are a step of three and one of a single one.
        moved, expected, skipped = 0, [], 0
        for line in steps(self.run_directory):
            if line.get("skipped"):
                skipped += 1
            else:
                moved += 3 if line["step"] % 2 else 1
            expected.append(moved)
        self.assertIn(skipped, range(1, len(expected)))
        self.assertEqual(expected, [int(tensors(path)["head.0.num_batches_tracked"])
                                    for path in checkpoints(self.run_directory)])

    def test_half_a_step_moves_no_statistics(self):
        classes = self.folder / "classes"
        shutil.copytree(self.classes / "train", classes)
        (classes / "red" / "006.png").write_bytes(b"not an image")  # in the second batch of a step
        result = run_program("linprobe", "--data", classes, "--out", self.run_directory, *TINY_CLASSIFIER,
                             "--batch_size", 2, "--accum_iter", 2, "--epochs", 1,
                             "--warmup_epochs", 0, "--on_bad_sample", "error")
        self.assert_user_error(result, "006.png")
        last = checkpoints(self.run_directory)[-1]
        self.assertEqual(int(tensors(last)["head.0.num_batches_tracked"]),
                         2 * int(last.stem.split("-")[1]))

    def test_cached_features_come_in_the_order_of_the_loader(self):
        """Of images of one colour each, crops and mirrors change nothing."""
        shards = self.folder / "shards"
        shards.mkdir()
        draw = np.random.default_rng(0)
        for number in range(3):
            with tarfile.open(shards / f"{number}.tar", "w") as archive:
                for image in range(6):
                    colour = tuple(int(value) for value in draw.integers(0, 256, 3))
                    encoded = io.BytesIO()
                    Image.new("RGB", (32, 32), colour).save(encoded, "PNG")
                    for name, content in ((f"{image}.png", encoded.getvalue()),
                                          (f"{image}.cls", str(image % 2).encode())):
                        member = tarfile.TarInfo(f"{number}-{name}")
                        member.size = len(content)
                        archive.addfile(member, io.BytesIO(content))
        losses = []
        for cached in ([], ["--features_cached"]):
            out = self.folder / f"run{len(cached)}"
            result = run_program("linprobe", "--data", shards, "--out", out, *TINY_CLASSIFIER, "--epochs", 3,
                                 "--warmup_epochs", 0, *cached)
            self.assertEqual(result.returncode, 0, result.stderr)
            losses.append([line["loss"] for line in steps(out)])
        self.assertEqual(len(losses[0]), 12)
        np.testing.assert_allclose(*losses, rtol=1e-4)

    def assert_continues_exactly_from(self, run):
        result = run_program("linprobe", "--resume", run)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_same_tensors(checkpoints(run)[-1], checkpoints(self.run_directory)[-1])
        self.assertEqual(epochs(run), epochs(self.run_directory))


if __name__ == "__main__":
    unittest.main()
