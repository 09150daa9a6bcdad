"""Segmentors: training and continuing them."""

import json
import shutil
import subprocess
import unittest
from pathlib import Path

import numpy as np
from PIL import Image

from program import PROGRAM, ProgramTest, checkpoints, epochs, metadata_of, run_program, steps, tensors
from segments import TINY_SEGMENTOR, learn_colours, train_segmentor, write_pairs, write_set

CONFIGS = Path(__file__).parents[2] / "configs"


class SegmentTrain(ProgramTest):
    IMAGES = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pairs = cls.scratch / "pairs"
        cls.labels = write_set(cls.pairs)

    def train(self, *arguments, out=None, expect=0):
        result = train_segmentor(self.pairs, self.labels, out or self.run_directory, *arguments)
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def test_any_cut_continues_exactly(self):
        self.train("--eval_data", self.pairs, "--epochs", 3, "--warmup_epochs", 1, "--accum_iter", 2,
                   "--drop_path", 0.3, "--dropout", 0.3, "--class_weights", "balanced",
                   "--save_every_steps", 1, "--keep_last", 100)
        self.assertEqual(len(steps(self.run_directory)), 6)
        last = tensors(checkpoints(self.run_directory)[-1])
        self.assertEqual(last["class_weights"].shape, (3,))
        self.assertEqual(last["decode_head.bottleneck.bn.num_batches_tracked"], 9)
        for step in (1, 2, 5):
            with self.subTest(step=step):
                copy = self.folder / f"cut-{step}"
                shutil.copytree(self.run_directory, copy, symlinks=True)
                for path in checkpoints(copy):
                    if int(path.stem.split("-")[1]) > step:
                        path.unlink()
                (copy / "weights.safetensors").unlink()
                result = run_program("segment", "train", "--resume", copy, "--num_workers", 2)
                self.assertEqual(result.returncode, 0, result.stderr)
                for name in ("weights.safetensors", "checkpoints/step-00000006.safetensors"):
                    self.assert_same_tensors(copy / name, self.run_directory / name)
                self.assertEqual((copy / "steps.jsonl").read_bytes(),
                                 (self.run_directory / "steps.jsonl").read_bytes())
                self.assertEqual(epochs(copy), epochs(self.run_directory))

    def test_a_killed_run_continues_exactly(self):
        recipe = ["--epochs", 8, "--warmup_epochs", 0, "--save_every_steps", 1]
        whole = self.folder / "whole"
        self.train(*recipe, out=whole)
        command = [PROGRAM, "segment", "train", "--data", self.pairs, *self.labels, "--out",
                   self.run_directory, *TINY_SEGMENTOR, *recipe]
        self.process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.wait_until(lambda: len(checkpoints(self.run_directory)) > 1)
        self.process.kill()
        self.process.communicate()
        result = run_program("segment", "train", "--resume", self.run_directory)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_same_tensors(self.run_directory / "weights.safetensors",
                                 whole / "weights.safetensors")

    def test_learns_colours_and_shows_it(self):
        result = learn_colours(self.pairs, self.labels, self.run_directory)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("held-out: mIoU ", result.stderr)
        lines = epochs(self.run_directory)
        self.assertGreater(lines[-1]["test_miou"], 75)
        self.assertGreaterEqual(lines[-1]["test_aacc"], lines[-1]["test_miou"])
        self.assertTrue((self.run_directory / "checkpoints" / "best.safetensors").exists())
        self.assertEqual(set(steps(self.run_directory)[0]["parts"]), {"decode_loss", "aux_loss"})
        self.assertEqual(len(list((self.run_directory / "panels").glob("*.png"))), 2)
        report = (self.run_directory / "report.html").read_text()
        for text in ("mIoU, held-out images", "The worst of the last evaluation", "Classes", "sand"):
            self.assertIn(text, report)
        task = json.loads(metadata_of(self.run_directory / "weights.safetensors")["convmae.task"])
        self.assertEqual(task["kind"], "segmentation")
        self.assertEqual(task["classes"], ["sea", "ice", "sand"])
        self.assertEqual(task["labels"]["ids"], [[1], [2], [3]])
        self.assertEqual(task["labels"]["ignored"], [0])
        self.assertEqual(task["bounds"], [80, 60])
        self.assertEqual(task["stride"], [32, 32])

        # Another run with other classes begins with what it knows of those of the same name.
        names = self.folder / "others.txt"
        names.write_text("sand\nwood\nsea\n")
        other = self.folder / "other"
        result = run_program(
            "segment", "train", "--data", self.pairs, "--classes", names, "--label_offset", -1,
            "--ignore_index", 0, "--init", self.run_directory / "weights.safetensors", "--out",
            other, "--input_size", 48, "--batch_size", 4, "--threads", 1, "--epochs", 1,
            "--warmup_epochs", 0, "--lr", 1e-12, "--weight_decay", 0)
        self.assertEqual(result.returncode, 0, result.stderr)
        (told,) = [line for line in result.stderr.splitlines() if "init: took" in line]
        self.assertIn("has 2 of the 3 classes, new: 'wood'", told)
        before = tensors(self.run_directory / "weights.safetensors")
        after = tensors(other / "weights.safetensors")
        for name in ("decode_head.conv_seg.weight", "auxiliary_head.conv_seg.bias"):
            np.testing.assert_allclose(after[name][[0, 2]], before[name][[2, 0]], atol=1e-6)
        np.testing.assert_allclose(after["decode_head.fpn_bottleneck.conv.weight"],
                                   before["decode_head.fpn_bottleneck.conv.weight"], atol=1e-6)

    def test_begins_with_a_pretrained_encoder(self):
        images = self.pairs / "images" / "training"
        pretrained = self.folder / "pretrained"
        result = run_program(
            "pretrain", "--data", images, "--out", pretrained, "--input_size", 32, "--embed_dim", 8,
            12, 16, "--depth", 1, 1, 1, "--num_heads", 2, "--decoder_embed_dim", 16,
            "--decoder_depth", 1, "--decoder_num_heads", 2, "--threads", 1, "--panel_images", 0,
            "--batch_size", 10, "--epochs", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        weights = pretrained / "weights.safetensors"
        result = run_program(
            "segment", "train", "--data", self.pairs, *self.labels, "--init", weights, "--out",
            self.run_directory, "--input_size", 48, "--head_channels", 8, "--batch_size", 4,
            "--threads", 1, "--epochs", 1, "--warmup_epochs", 0, "--lr", 1e-12, "--weight_decay", 0)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("2x2 grid interpolated to 3x3", result.stderr)
        name = "blocks3.0.attn.qkv.weight"
        after = tensors(self.run_directory / "weights.safetensors")["backbone." + name]
        np.testing.assert_allclose(after, tensors(weights)[name], atol=1e-6)

    def test_grey_images_train_too(self):
        grey = self.folder / "grey"
        shutil.copytree(self.pairs, grey)
        for path in (grey / "images").rglob("*.png"):
            Image.open(path).convert("L").save(path)
        labels = ["--classes", grey / "classes.txt", *self.labels[2:]]
        arguments = ["--in_chans", 1, "--epochs", 1, "--warmup_epochs", 0, "--recompute", 1, 2, 3]
        result = train_segmentor(grey, labels, self.run_directory, *arguments)
        self.assert_user_error(result, "--no_distort")
        result = train_segmentor(grey, labels, self.run_directory, *arguments, "--no_distort")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_what_cannot_be_trained_is_one_line(self):
        run = self.run_directory
        def refused(*arguments):
            return run_program("segment", "train", *arguments)
        data = ["--data", self.pairs, "--out", run, *TINY_SEGMENTOR]
        self.assert_user_error(refused(*data), "--classes", "--label_map")
        self.assert_user_error(refused("--out", run, *self.labels), "--data is missing")
        self.assert_user_error(refused(*data, *self.labels, "--batch_size", 1),
                               "two images a batch")
        self.assert_user_error(refused(*data, *self.labels, "--head_maps", 3, 1), "ascending")
        weights = self.folder / "weights.csv"
        weights.write_text("sea,1\nice,2\n")
        self.assert_user_error(refused(*data, *self.labels, "--class_weights", weights), "'sand'")
        self.assertFalse(run.exists())

    def test_bad_labels_are_told_by_their_names(self):
        broken = self.folder / "broken"
        write_pairs(broken, "training", 5)
        labels = broken / "annotations" / "training"
        Image.fromarray(np.full((60, 80), 9, np.uint8)).save(labels / "000.png")
        result = train_segmentor(broken, self.labels, self.run_directory, "--epochs", 1,
                                 "--warmup_epochs", 0, "--on_bad_sample", "error")
        self.assert_user_error(result, "000.png", "9")
        Image.fromarray(np.ones((60, 79), np.uint8)).save(labels / "000.png")
        result = train_segmentor(broken, self.labels, self.run_directory, "--epochs", 1,
                                 "--warmup_epochs", 0, "--on_bad_sample", "error", "--overwrite")
        self.assert_user_error(result, "000.png", "79")

    def test_the_recipes_are_made_of_flags(self):
        for name in ("segment_base_ade20k", "segment_demo"):
            with self.subTest(name=name):
                result = train_segmentor(
                    self.pairs, self.labels, self.folder / name, "--config",
                    CONFIGS / f"{name}.toml", "--eval_data", self.pairs, "--steps", 2,
                    "--warmup_steps", 1)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(len(steps(self.folder / name)), 2)


if __name__ == "__main__":
    unittest.main()
