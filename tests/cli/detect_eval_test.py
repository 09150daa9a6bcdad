"""`convmae detect eval` on results files: COCO's numbers without a model."""

import json
import unittest
from pathlib import Path

from program import ProgramTest, run_program

GOLDEN = Path(__file__).parents[1] / "golden" / "coco_eval"
NOTHING = dict(images=[], annotations=[], categories=[])


class DetectEval(ProgramTest):
    IMAGES = 0

    def evaluate(self, truth, results, *arguments):
        out = self.folder / "out.json"
        result = run_program("detect", "eval", "--results", results, "--annotations", truth, "--json", out, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout, json.loads(out.read_text())

    def case(self, name, *arguments):
        expected = json.loads((GOLDEN / f"{name}.expected.json").read_text())
        return *self.evaluate(GOLDEN / f"{name}.gt.json", GOLDEN / f"{name}.dt.json", *arguments), expected

    def write(self, name, value):
        path = self.folder / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    def test_the_numbers_are_those_of_pycocotools(self):
        for name in ("basic", "crowd", "missing_categories"):
            _, report, expected = self.case(name)
            for kind in ("bbox", "segm"):
                for ours, theirs in zip(report[kind]["stats"], expected[kind]["stats"], strict=True):
                    self.assertAlmostEqual(ours, theirs, places=14)
                self.assertEqual(report[kind]["per_category_ap"], expected[kind]["per_category_ap"])
                self.assertGreaterEqual(report[kind]["cpu_seconds"], 0)
        self.assertIn(None, report["bbox"]["per_category_ap"])  # a category without objects

    def test_areas_of_false_detections_are_those_of_their_boxes_if_asked(self):
        _, report, expected = self.case("basic", "--area_of_box")
        for ours, theirs in zip(report["segm"]["stats"], expected["segm_if_bbox_is_kept_in_the_results"]["stats"]):
            self.assertAlmostEqual(ours, theirs, places=14)
        self.assertNotEqual(expected["segm"]["stats"], expected["segm_if_bbox_is_kept_in_the_results"]["stats"])

    def test_the_terminal_has_twelve_numbers_each_and_a_table(self):
        text, report, _ = self.case("basic")
        self.assertIn(f"AP @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = {report['bbox']['stats'][0]:.3f}", text)
        self.assertIn(f"AR @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = {report['segm']['stats'][11]:.3f}", text)
        self.assertEqual(text.count("@["), 24)
        table = text[text.index("category_id"):].splitlines()
        self.assertEqual(len(table), 1 + len(report["categories"]))
        self.assertEqual(table[1].split()[:2], ["1", "c1"])
        self.assertIn(f"{report['segm']['per_category_ap'][0]:.3f}", table[1])

    def test_no_detections_are_a_valid_result(self):
        text, report, _ = self.case("no_detections")
        self.assertIn("there are no detections", text)
        self.assertIsNone(report["bbox"])
        self.assertIsNone(report["segm"])

    def test_detections_without_masks_have_boxes_alone(self):
        detections = json.loads((GOLDEN / "basic.dt.json").read_text())
        for detection in detections:
            del detection["segmentation"]
        text, report = self.evaluate(GOLDEN / "basic.gt.json", self.write("boxes.json", detections))
        self.assertIsNotNone(report["bbox"])
        self.assertIsNone(report["segm"])
        self.assertIn("masks: the detections have none", text)

    def test_what_is_left_out_is_said(self):
        truth = json.loads((GOLDEN / "basic.gt.json").read_text())
        del truth["categories"][0]
        del truth["annotations"][-1]["area"]
        text, _ = self.evaluate(self.write("truth.json", truth), GOLDEN / "basic.dt.json")
        self.assertRegex(text, r"\d+ annotations of categories that are not in the list are left out")
        self.assertRegex(text, r"\d+ detections of categories that the annotations do not have are left out")
        self.assertIn("1 annotations have no area", text)

    def test_load_only_ends_after_reading(self):
        result = run_program("detect", "eval", "--results", GOLDEN / "basic.dt.json", "--annotations",
                             GOLDEN / "basic.gt.json", "--load_only")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"^5 images, 25 annotations of 3 categories, 45 detections\n$")

    def test_errors(self):
        good = GOLDEN / "basic.gt.json"
        for results, says in (
            ('[{"image_id": 99, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]', "image_id 99"),
            ('[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": NaN}]', "result number 1 of the list"),
            ("[", "unexpected end of input"),
            (NOTHING, "expected results, a list"),
        ):
            result = run_program("detect", "eval", "--results", self.write("r.json", results), "--annotations", good)
            self.assert_user_error(result, "r.json", says)
        twice = json.loads(good.read_text())
        twice["annotations"].append(twice["annotations"][0])
        result = run_program("detect", "eval", "--results", GOLDEN / "basic.dt.json", "--annotations",
                             self.write("twice.json", twice))
        self.assert_user_error(result, "twice.json", "id of its own", "convmae detect check")
        self.assert_user_error(run_program("detect", "eval", "--annotations", good), "--results")
        self.assert_user_error(run_program("detect", "eval", "--results", self.folder / "none.json", "--annotations", good),
                               "none.json")
        self.assert_user_error(run_program("detect"), "convmae detect --help")

    def test_a_file_that_cannot_be_written_is_refused_before_anything_is_read(self):
        out = self.folder / "nowhere" / "out.json"
        result = run_program("detect", "eval", "--results", self.folder / "none.json", "--annotations",
                             self.folder / "none.json", "--json", out)
        self.assert_user_error(result, str(out))
        self.assertNotIn("none.json", result.stderr)


if __name__ == "__main__":
    unittest.main()
