"""segment eval: its numbers, its files, and checkpoints of others."""

import json
import unittest

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from program import ProgramTest, run_program, tensors
from segments import CLASSES, learn_colours, write_set


class SegmentEval(ProgramTest):
    IMAGES = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pairs = cls.scratch / "pairs"
        cls.labels = write_set(cls.pairs)
        cls.segmentor = cls.scratch / "segmentor"
        result = learn_colours(cls.pairs, cls.labels, cls.segmentor)
        assert result.returncode == 0, result.stderr

    def evaluate(self, *arguments, checkpoint=None):
        result = run_program("segment", "eval", self.pairs, "--checkpoint",
                             checkpoint or self.segmentor, "--json", "--threads", 1, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_its_numbers_are_those_of_the_label_files(self):
        found = self.evaluate()
        maps = self.folder / "maps"
        images = self.pairs / "images" / "validation"
        result = run_program("segment", "predict", images, "--checkpoint", self.segmentor, "--out",
                             maps, "--threads", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        counts = np.zeros((3, 3), np.int64)
        for path in (self.pairs / "annotations" / "validation").iterdir():
            labels = np.array(Image.open(path)).astype(int)
            predicted = np.array(Image.open(maps / "labels" / path.name)).astype(int)
            known = labels > 0
            np.add.at(counts, (labels[known] - 1, predicted[known] - 1), 1)
        both = np.diag(counts)
        iou = both / (counts.sum(0) + counts.sum(1) - both)
        self.assertEqual(found["pixels"], counts.sum())
        self.assertAlmostEqual(found["miou"], iou.mean(), places=12)
        self.assertAlmostEqual(found["macc"], (both / counts.sum(1)).mean(), places=12)
        self.assertAlmostEqual(found["aacc"], both.sum() / counts.sum(), places=12)
        self.assertAlmostEqual(found["mdice"], (2 * both / (counts.sum(0) + counts.sum(1))).mean(),
                               places=12)
        self.assertEqual([entry["name"] for entry in found["classes"]], list(CLASSES))
        # What was measured in training, by the same windows.
        last = json.loads((self.segmentor / "log.txt").read_text().splitlines()[-1])
        best = json.loads((self.segmentor / "result.json").read_text())["best"]
        self.assertIn(round(100 * found["miou"], 6),
                      [round(line["test_miou"], 6) for line in (last, best)])

    def test_writes_tables_pictures_and_a_report(self):
        out = self.folder / "evaluation"
        result = run_program("segment", "eval", "--data", self.pairs, "--checkpoint",
                             self.segmentor, "--out", out, "--threads", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"mIoU \d+\.\d\d %  mAcc \d+")
        self.assertIn(" sand\n", result.stdout)
        figures = json.loads((out / "metrics.json").read_text())
        rows = [line.split(",") for line in (out / "classes.csv").read_text().splitlines()]
        self.assertEqual(rows[0], ["class", "pixels", "predicted", "iou", "dice", "accuracy"])
        self.assertEqual(float(rows[3][3]), round(figures["classes"][2]["iou"], 6))
        confusion = [line.split(",") for line in (out / "confusion.csv").read_text().splitlines()]
        self.assertEqual(confusion[0], ["class", *CLASSES])
        self.assertEqual(sum(map(int, confusion[1][1:])), figures["classes"][0]["pixels"])
        with Image.open(out / "confusion.png") as picture:
            self.assertEqual(picture.size, (600, 600))
        report = (out / "report.html").read_text()
        for text in ("The worst images", "mDice", "data:image/png;base64,"):
            self.assertIn(text, report)
        # Its own files may be replaced, others may not.
        again = run_program("segment", "eval", self.pairs, "--checkpoint", self.segmentor, "--out",
                            out, "--threads", 1)
        self.assertEqual(again.returncode, 0, again.stderr)
        (out / "metrics.json").write_text("mine")
        self.assert_user_error(run_program("segment", "eval", self.pairs, "--checkpoint",
                                           self.segmentor, "--out", out), "metrics.json")

    def test_looks_at_images_in_other_ways(self):
        usual = self.evaluate()
        for arguments in (["--mode", "whole"], ["--mirror"], ["--original_size"],
                          ["--stride", 16, 48], ["--bounds", 160, 120]):
            with self.subTest(arguments=arguments):
                other = self.evaluate(*arguments)
                self.assertEqual(other["pixels"], usual["pixels"])
                self.assertGreater(other["miou"], 0.3)

    def test_a_file_without_a_description_is_told_by_its_shapes(self):
        # Square crops of 3x3 blocks, as its table of positions has them.
        published = self.folder / "published.safetensors"
        save_file(tensors(self.segmentor / "weights.safetensors"), published)
        weights = self.segmentor / "weights.safetensors"
        sizes = ["--bounds", 80, 60, "--stride", 32]
        named = self.evaluate(*sizes, *self.labels, checkpoint=published)
        self.assertEqual(named["classes"], self.evaluate(checkpoint=weights)["classes"])
        self.assert_user_error(run_program("segment", "eval", self.pairs, "--checkpoint", published),
                               ".png")

    def test_what_cannot_be_evaluated_is_one_line(self):
        def refused(*arguments):
            return run_program("segment", "eval", self.pairs, *arguments)
        segmentor = ["--checkpoint", self.segmentor]
        self.assert_user_error(refused(*segmentor, "--stride", 64), "stride")
        self.assert_user_error(refused(*segmentor, "--bounds", 64, 64, "--original_size"),
                               "--original_size")
        self.assert_user_error(refused("--checkpoint", self.pairs / "classes.txt"), "classes.txt")
        names = self.folder / "names.txt"
        names.write_text("ice\nsea\nsand\n")
        self.assert_user_error(refused(*segmentor, "--classes", names), "'ice'", "'sea'")
        names.write_text("ice\nsea\n")
        self.assert_user_error(refused(*segmentor, "--classes", names), "2 classes")


if __name__ == "__main__":
    unittest.main()
