"""segment predict: label files, overlays and a legend."""

import json
import shutil
import tarfile
import unittest

import numpy as np
from PIL import Image

from program import DRAWS, ProgramTest, run_program
from segments import COLOURS, learn_colours, write_set


class SegmentPredict(ProgramTest):
    IMAGES = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pairs = cls.scratch / "pairs"
        write_set(cls.pairs)
        cls.images = cls.pairs / "images" / "validation"
        # Ids that are not those of the classes, and colours of their own.
        cls.table = cls.pairs / "map.csv"
        cls.table.write_text("id,class,name\n0,,nothing\n1,2,sea\n2,0,ice\n3,1,sand\n")
        cls.palette = cls.pairs / "palette.csv"
        cls.palette.write_text("id,red,green,blue\n" + "".join(
            f"{k + 1},{r},{g},{b}\n" for k, (r, g, b) in enumerate(COLOURS.tolist())))
        cls.segmentor = cls.scratch / "segmentor"
        result = learn_colours(cls.pairs, ["--label_map", cls.table, "--palette", cls.palette,
                                           "--ignore_index", 0], cls.segmentor)
        assert result.returncode == 0, result.stderr

    def predict(self, *arguments, out=None, expect=0):
        result = run_program("segment", "predict", *arguments, "--checkpoint", self.segmentor,
                             "--out", out or self.folder / "out", "--threads", 1)
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def test_label_files_have_the_users_ids_and_colours(self):
        out = self.folder / "out"
        found = json.loads(self.predict(self.images, "--json").stdout)
        self.assertEqual(found["images"], 4)
        self.assertAlmostEqual(sum(entry["share"] for entry in found["classes"]), 1, places=9)
        right = total = 0
        for path in sorted(self.images.iterdir()):
            labels = np.array(Image.open(self.pairs / "annotations" / "validation" / path.name))
            with Image.open(out / "labels" / path.name) as picture:
                self.assertEqual(picture.mode, "P")
                ids = np.array(picture)
                rgb = np.array(picture.convert("RGB"))
            self.assertEqual(ids.shape, labels.shape)
            self.assertLessEqual(set(np.unique(ids)), {1, 2, 3})
            np.testing.assert_array_equal(rgb, COLOURS[ids - 1])
            right += (ids == labels)[labels > 0].sum()
            total += (labels > 0).sum()
            image = np.array(Image.open(path)).astype(int)
            over = np.array(Image.open(out / "overlays" / path.name))
            np.testing.assert_array_equal(over, (image + COLOURS[ids - 1]) // 2)
        self.assertGreater(right / total, 0.7)
        legend = (out / "legend.csv").read_text().splitlines()
        self.assertEqual(legend[0], "id,name,red,green,blue")
        self.assertIn("1,sea,200,40,40", legend)
        self.assertEqual((out / "legend.png").exists(), DRAWS)

    def test_ids_above_255_become_16_bits(self):
        table = self.folder / "map.csv"
        # The id that stands first is written for a class.
        table.write_text("id,class,name\n0,,nothing\n300,0,sea\n1,0,sea\n2,1,ice\n3,2,sand\n")
        run = self.folder / "wide"
        result = learn_colours(self.pairs, ["--label_map", table, "--ignore_index", 0], run)
        self.assertEqual(result.returncode, 0, result.stderr)
        out = self.folder / "out"
        result = run_program("segment", "predict", self.images, "--checkpoint", run, "--out", out,
                             "--no_overlays", "--threads", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        ids = set()
        for path in (out / "labels").iterdir():
            with Image.open(path) as picture:
                self.assertTrue(picture.mode.startswith("I"), picture.mode)
                ids |= set(np.unique(np.array(picture)).tolist())
        self.assertIn(300, ids)
        self.assertLessEqual(ids, {2, 3, 300})
        self.assertFalse((out / "overlays").exists())

    def test_takes_images_as_they_come(self):
        names = sorted(path.name for path in self.images.iterdir())
        listed = self.folder / "list.txt"
        listed.write_text("".join(f"{self.images / name}\n" for name in names))
        archive = self.folder / "images.tar"
        with tarfile.open(archive, "w") as tar:
            for name in names:
                tar.add(self.images / name, name)
        words = [self.images / name for name in names]
        for what, arguments in (("data", ["--data", self.images]), ("list", [listed]),
                                ("tar", ["--data", archive]), ("words", words)):
            with self.subTest(what=what):
                out = self.folder / what
                self.predict(*arguments, out=out)
                self.assertEqual(len(list((out / "labels").rglob("*.png"))), 4)
                self.assertEqual(len(list((out / "overlays").rglob("*.png"))), 4)
        self.assertEqual(sorted(path.name for path in (self.folder / "words" / "labels").iterdir()),
                         names)

    def test_names_stay_apart(self):
        mixed = self.folder / "mixed"
        for folder in ("a", "b"):
            (mixed / folder).mkdir(parents=True)
            shutil.copy(self.images / "100.png", mixed / folder / "one.png")
        Image.open(self.images / "100.png").save(mixed / "a" / "one.jpg", quality=95)
        self.predict(mixed)
        written = {str(path.relative_to(self.folder / "out" / "labels"))
                   for path in (self.folder / "out" / "labels").rglob("*.png")}
        self.assertEqual(len(written), 3)
        self.assertIn("b/one.png", written)

    def test_a_bad_image_is_one_line(self):
        bad = self.folder / "bad"
        shutil.copytree(self.images, bad)
        (bad / "101.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        result = self.predict(bad, expect=1)
        lines = [line for line in result.stderr.splitlines() if "left out" in line]
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertIn("101.png", lines[0])
        self.assertIn("1 of 4 images", result.stderr.splitlines()[-1])
        self.assertEqual(len(list((self.folder / "out" / "labels").iterdir())), 3)

    def test_what_cannot_be_done_is_one_line(self):
        out = self.folder / "full"
        out.mkdir()
        (out / "mine.txt").write_text("mine")
        def refused(*arguments):
            return run_program("segment", "predict", "--checkpoint", self.segmentor, *arguments)
        self.assert_user_error(refused(self.images, "--out", out), "empty")
        new = ["--out", self.folder / "new"]
        self.assert_user_error(refused(*new), "give images")
        self.assert_user_error(refused(self.images, "--data", self.images, *new), "not both")
        self.assert_user_error(refused(self.folder / "none.png", *new), "none.png")


if __name__ == "__main__":
    unittest.main()
