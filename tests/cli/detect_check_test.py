"""`convmae detect check`: what is wrong with a COCO file, entry by entry."""

import json
import unittest
from pathlib import Path

from PIL import Image

from program import ProgramTest, run_program

GOLDEN = Path(__file__).parents[1] / "golden"


def annotation(id, **more):
    return dict(dict(id=id, image_id=1, category_id=1, bbox=[1, 2, 3, 4], area=12, iscrowd=0), **more)


class DetectCheck(ProgramTest):
    IMAGES = 0

    def check(self, annotations, *arguments, images=None):
        images = images or [dict(id=1, height=20, width=30, file_name="a.png")]
        path = self.folder / "truth.json"
        path.write_text(json.dumps(dict(images=images, annotations=annotations, categories=[dict(id=1, name="cat")])))
        return run_program("detect", "check", path, *arguments)

    def test_a_good_file_has_no_faults(self):
        result = self.check([annotation(1)])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.endswith("1 images, 1 annotations, 1 categories; 0 errors, 0 warnings\n"))
        for case in ("basic", "crowd"):
            self.assertEqual(run_program("detect", "check", GOLDEN / "coco_eval" / f"{case}.gt.json").returncode, 0)
            self.assertEqual(run_program("detect", "check", GOLDEN / "coco_eval" / f"{case}.dt.json").returncode, 0)

    def test_every_error_is_a_line_that_names_the_entry(self):
        result = self.check([annotation(7, image_id=9), annotation(8, category_id=5), annotation(8),
                             annotation(10, bbox="1 2 3 4"), annotation(11, segmentation=dict(size=[20, 30], counts="0")),
                             dict(annotation(12), id="twelve")])
        self.assertEqual(result.returncode, 1)
        errors = [line for line in result.stdout.splitlines() if line.startswith("error: ")]
        self.assertEqual(len(errors), 6, result.stdout)
        for number, (entry, says) in enumerate((("id 8", "of its own"), ("id 10", "bbox"), ("id 11", "a sum of 0"),
                                                ("annotation number 6", "a whole number"), ("id 7", "image_id 9"),
                                                ("id 8", "category_id 5"))):
            self.assertIn(entry, errors[number])
            self.assertIn(says, errors[number])

    def test_warnings_are_counted_and_leave_the_exit_code(self):
        result = self.check([annotation(1, bbox=[25, 2, 30, 4]), annotation(2, bbox=[1, 2, 0, 4]),
                             annotation(3, segmentation=[[1, 2, 3, 4], [1, 2, 3]]), annotation(4, segmentation=[])])
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("warning: 1 boxes that reach out of their image; the first is annotation with id 1: "
                      "[25.0,2.0,30.0,4.0] in an image of 20x30", result.stdout)
        self.assertIn("warning: 2 polygons of less than three points or half a point; the first is annotation with id 3",
                      result.stdout)
        self.assertIn("1 boxes without width or height", result.stdout)
        self.assertIn("0 errors, 5 warnings", result.stdout)

    def test_sizes_are_compared_with_the_files(self):
        Image.new("RGB", (30, 20)).save(self.folder / "a.png")
        Image.new("L", (31, 20)).save(self.folder / "b.jpg")
        turned = Image.Exif()
        turned[0x0112] = 6
        Image.new("RGB", (20, 30)).save(self.folder / "c.jpg", exif=turned)
        images = [dict(id=i + 1, height=20, width=30, file_name=name)
                  for i, name in enumerate(("a.png", "b.jpg", "c.jpg", "none.png"))]
        result = self.check([annotation(1)], "--images", self.folder, images=images)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("warning: 1 image files of another size; the first is image with id 2: 20x30 in the list, "
                      "20x31 in 'b.jpg'", result.stdout)
        self.assertRegex(result.stdout, "warning: 1 image files that cannot be read; the first is image with id 4: .*none.png")
        self.assert_user_error(self.check([], "--images", self.folder / "none"), "--images", "none")

    def test_what_is_not_json_is_an_error_with_its_place(self):
        path = self.folder / "bad.json"
        for text, says in (('{"images": [],\n "annotations": [{"id": 3, "area": NaN}]}', "line 2, column 36"),
                           ('{"images": [],\n "annotations": [{"id": 3, "area": NaN}]}', "annotation with id 3"),
                           ('{"annotations": [{"id": 3, "area": 1e400}]}', "1e400"),
                           ("", "unexpected end of input")):
            path.write_text(text)
            self.assert_user_error(run_program("detect", "check", path), "bad.json", says)


if __name__ == "__main__":
    unittest.main()
