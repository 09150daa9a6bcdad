"""`convmae segment check`: what label files hold, and what is wrong with them, file by file."""

import json
import unittest

import numpy as np
from PIL import Image

from program import ProgramTest, run_program


class SegmentCheck(ProgramTest):
    IMAGES = 0

    def setUp(self):
        super().setUp()
        self.root = self.folder / "set"
        (self.root / "classes.txt").parent.mkdir()
        (self.root / "classes.txt").write_text("wall\nsky\ntree\n")

    def add(self, split, name, ids, size=None, mode="P"):
        """An image and its labels."""
        for kind in ("images", "annotations"):
            (self.root / kind / split).mkdir(parents=True, exist_ok=True)
        ids = np.asarray(ids)
        Image.new("RGB", size or ids.shape[1::-1]).save(self.root / "images" / split / f"{name}.jpg")
        path = self.root / "annotations" / split / f"{name}.png"
        if mode == "P":
            image = Image.fromarray(ids.astype(np.uint8)).convert("L")
            image.putpalette([0, 0, 0, 200, 0, 0] * 128)
            image.save(path)
        else:
            Image.fromarray(ids.astype(np.uint16 if mode == "I;16" else np.uint8)).save(path)
        return path

    def check(self, *arguments):
        return run_program("segment", "check", self.root, *arguments)

    def scheme(self):
        return ["--classes", self.root / "classes.txt", "--label_offset", "-1", "--ignore_index", "0,255"]

    def test_ids_are_counted_by_part(self):
        self.add("training", "a", [[0, 1, 1], [2, 2, 2]])
        self.add("training", "b", [[1, 3]])
        self.add("validation", "c", [[1, 2, 3]])
        result = self.check(*self.scheme())
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = [line.split() for line in result.stdout.splitlines()]
        self.assertIn("0 ignored 1 12.50 % 1".split(), lines)
        self.assertIn("1 0 3 37.50 % 2 wall".split(), lines)
        self.assertIn("3 2 1 12.50 % 1 tree".split(), lines)
        self.assertIn("images/training': 2 pairs of 1x2 to 2x3 pixels; 0 errors, 0 warnings\n", result.stdout)
        self.assertTrue(result.stdout.endswith("images/validation': 1 pairs of 1x3 to 1x3 pixels; 0 errors, 0 warnings\n"))
        self.assertEqual(self.check().returncode, 0, "without classes any id is right")

    def test_every_error_names_its_file(self):
        self.add("training", "a", [[0, 1], [2, 9]])
        self.add("training", "b", [[1, 2]], size=(3, 1))
        self.add("training", "c", [[1]]).write_text("no PNG")
        self.add("training", "d", np.zeros((1, 2, 3)), mode="RGB")
        result = self.check(*self.scheme())
        self.assertEqual(result.returncode, 1, result.stderr)
        errors = [line for line in result.stdout.splitlines() if line.startswith("error: ")]
        self.assertEqual(len(errors), 4, result.stdout)
        for error, (name, says) in zip(errors, (("a.png", "the id 9 of 1 pixels, the first at row 1, column 1"),
                                                ("b.png", "expected 1x3 pixels"), ("c.png", "expected a PNG or .npy"),
                                                ("d.png", "--palette"))):
            self.assertIn(name, error)
            self.assertIn(says, error)

    def test_warnings_are_counted_and_leave_the_exit_code(self):
        self.add("training", "a", [[0, 0]])
        self.add("training", "b", [[1, 2]])
        self.add("training", "lone", [[1]]).unlink()
        self.add("training", "x", [[1]])
        (self.root / "images" / "training" / "x.jpg").unlink()
        result = self.check(*self.scheme())
        self.assertEqual(result.returncode, 0, result.stderr)
        for says in ("1 images without a label file; the first is .*lone.jpg", "1 label files without an image; .*x.png",
                     "1 label files of which no pixel counts; .*a.png", "1 classes that occur nowhere; .*tree"):
            self.assertRegex(result.stdout, "warning: " + says)
        self.assertIn("0 errors, 4 warnings", result.stdout)

    def test_json_has_the_same(self):
        self.add("training", "a", [[0, 1, 7]])
        result = self.check(*self.scheme(), "--json")
        self.assertEqual(result.returncode, 1, result.stderr)
        (part,) = json.loads(result.stdout)["parts"]
        self.assertEqual(part["pairs"], 1)
        self.assertEqual(part["largest"], [1, 3])
        self.assertEqual(part["error_count"], 1)
        self.assertEqual([(i["id"], i["class"], i["name"], i["ignored"], i["pixels"]) for i in part["ids"]],
                         [(0, None, None, True, 1), (1, 0, "wall", False, 1), (7, None, None, False, 1)])
        self.assertEqual([w["count"] for w in part["warnings"]], [2])

    def test_numbers_colours_and_tables(self):
        self.add("training", "a", [[300, 65535]], mode="I;16")
        table = self.folder / "map.csv"
        table.write_text("id,class,name\n300,0,deep\n")
        result = self.check("--label_map", table, "--ignore_index", "65535")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"300 +0 +1 +50.00 % +1 +deep")

        self.add("training", "a", [[[0, 0, 0], [9, 8, 7]]], mode="RGB")
        palette = self.folder / "palette.csv"
        palette.write_text("name,r,g,b\nblack,0,0,0\ndark,9,8,7\n")
        result = self.check("--palette", palette, "--label_map", palette)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"1 +1 +1 +50.00 % +1 +dark")
        palette.write_text("name,r,g,b\nblack,0,0,0\n")
        result = self.check("--palette", palette)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("the colour 9,8,7 at row 0, column 1, which the palette does not list", result.stdout)

    def test_what_cannot_be_checked_is_one_line(self):
        self.assert_user_error(run_program("segment", "check", self.folder / "none"), "cannot open the data", "a list of pairs")
        self.assert_user_error(self.check(), "expected the folders 'images' and 'annotations'")
        self.add("training", "a", [[1]])
        self.assert_user_error(self.check("--label_offset", "-1"), "--classes")
        self.assert_user_error(self.check("--classes", self.folder / "none.txt"), "none.txt")
        self.assert_user_error(self.check("--ignore_index", "-1"), "--ignore_index")


if __name__ == "__main__":
    unittest.main()
