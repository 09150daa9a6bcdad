"""`convmae detect eval`: COCO's numbers of results files, and of what a detector finds."""

import json
import unittest
from pathlib import Path
from xml.etree import ElementTree

from program import DRAWS, ProgramTest, make_detector, run_program

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

    def test_all_categories_as_one_are_those_of_pycocotools_too(self):
        text, report, _ = self.case("basic", "--class_agnostic")
        # COCOeval with useCats = 0; the last one is eval["recall"][0, 0, 0, 2] of the masks.
        expected = {"bbox": [0.2482832067139966, 0.47129554387663836, 0.2315751390807284, 0.1688363122026488],
                    "segm": [0.12950557037844582, 0.33973597359735974, 0.06747550317250615, 0.07887788778877888]}
        for kind, stats in expected.items():
            self.assertEqual(report["class_agnostic"][kind]["stats"][:4], stats)
        self.assertTrue(text.endswith("IoU=0.50      | area=   all | maxDets=100 ] = 0.720\n"), text[-200:])
        self.assertNotIn("class_agnostic", self.case("basic")[1])

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

    def test_a_report_of_results(self):
        out = self.folder / "evaluation"
        _, report, _ = self.case("basic", "--out", out)
        metrics = json.loads((out / "metrics.json").read_text())
        self.assertEqual(metrics["bbox"]["stats"], report["bbox"]["stats"])
        self.assertEqual(metrics["image_count"], 5)
        balance = metrics["best_balance"]
        self.assertEqual(balance["found"] + balance["missed"], metrics["object_count"])
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["metrics.json", "report.html"])
        page = ElementTree.parse(out / "report.html")
        text = "".join(page.getroot().itertext())
        for category in report["categories"]:
            self.assertIn(category["name"], text)
        self.assertNotIn("the most errors", text)  # nobody said where the images are

    def test_a_report_of_nothing(self):
        out = self.folder / "evaluation"
        self.case("no_detections", "--out", out)
        self.assertIn("no detections", (out / "report.html").read_text())
        metrics = json.loads((out / "metrics.json").read_text())
        self.assertIsNone(metrics["bbox"])
        self.assertEqual(metrics["best_balance"]["f1"], 0)

    def test_other_files_are_not_replaced(self):
        out = self.folder / "evaluation"
        out.mkdir()
        (out / "report.html").write_text("mine")
        truth, results = GOLDEN / "basic.gt.json", GOLDEN / "basic.dt.json"
        call = ["detect", "eval", "--results", results, "--annotations", truth, "--out", out]
        self.assert_user_error(run_program(*call), "report.html", "--out")
        self.assertEqual((out / "report.html").read_text(), "mine")
        (out / "report.html").unlink()
        for _ in range(2):  # one's own are
            self.assertEqual(run_program(*call).returncode, 0)


class DetectEvalOfAModel(ProgramTest):
    IMAGES = 4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.detector = cls.scratch / "detector.safetensors"
        make_detector(cls.detector)
        cls.truth = cls.scratch / "truth.json"
        cls.truth.write_text(json.dumps(dict(
            images=[dict(id=10 + i, file_name=f"{i:03}.png", width=40, height=40) for i in range(4)],
            categories=[dict(id=2, name="owl"), dict(id=3, name="cat"), dict(id=4, name="dog"), dict(id=5, name="猫")],
            annotations=[dict(id=i, image_id=10 + i % 4, category_id=2 + i % 3, bbox=[i, 5, 20, 20], area=400, iscrowd=0,
                              segmentation=[[i, 5, i + 20, 5, i + 20, 25, i, 25]]) for i in range(8)])))

    def evaluate(self, *arguments, expect=0):
        self.out = self.folder / "evaluation"
        result = run_program("detect", "eval", "--checkpoint", self.detector, "--images", self.data, "--annotations",
                             self.truth, "--out", self.out, "--threads", 1, *arguments)
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def test_numbers_are_those_of_the_results_that_it_writes(self):
        result = self.evaluate("--json", self.folder / "figures.json", "--batch_size", 2)
        metrics = json.loads((self.out / "metrics.json").read_text())
        again = run_program("detect", "eval", "--results", self.out / "detections.json", "--annotations", self.truth,
                            "--json", self.folder / "again.json")
        self.assertEqual(again.returncode, 0, again.stderr)
        for name in ("figures.json", "again.json"):
            figures = json.loads((self.folder / name).read_text())
            for kind in ("bbox", "segm"):
                self.assertEqual(metrics[kind]["stats"], figures[kind]["stats"])
                self.assertEqual(metrics[kind]["per_category_ap"], figures[kind]["per_category_ap"])
        self.assertEqual(result.stdout.count("@["), 24)
        self.assertEqual(metrics["checkpoint"], str(self.detector))
        detections = json.loads((self.out / "detections.json").read_text())
        self.assertEqual(len(detections), 4 * 20)
        self.assertLessEqual({one["category_id"] for one in detections}, {2, 3, 4, 5})
        text = "".join(ElementTree.parse(self.out / "report.html").getroot().itertext())
        self.assertIn("猫", text)
        if DRAWS:
            self.assertIn("The images with the most errors", text)
            self.assertIn("data:image/png", (self.out / "report.html").read_text())

    def test_nothing_found(self):
        result = self.evaluate("--score_threshold", 1)
        self.assertIn("there are no detections: nothing to evaluate", result.stdout)
        self.assertEqual(json.loads((self.out / "detections.json").read_text()), [])
        self.assertIsNone(json.loads((self.out / "metrics.json").read_text())["segm"])

    def test_bad_images_end_it_or_are_left_out(self):
        truth = json.loads(self.truth.read_text())
        truth["images"][1]["width"] = 41
        bad = self.folder / "truth.json"
        bad.write_text(json.dumps(truth))
        self.assert_user_error(self.evaluate("--annotations", bad, expect=2), "001.png", "another version of the file")
        result = self.evaluate("--annotations", bad, "--on_bad_sample", "skip")
        self.assertIn("001.png", result.stderr)
        self.assertNotIn(11, {one["image_id"] for one in json.loads((self.out / "detections.json").read_text())})

    def test_errors(self):
        call = ["detect", "eval", "--annotations", self.truth]
        self.assert_user_error(run_program(*call), "--checkpoint", "--results")
        self.assert_user_error(run_program(*call, "--checkpoint", self.detector), "--images")
        self.assert_user_error(run_program(*call, "--checkpoint", self.detector, "--results", self.truth), "not both")
        self.assert_user_error(run_program(*call, "--checkpoint", self.detector, "--images", self.folder),
                               "the first image of the annotations does not exist")
        other = json.loads(self.truth.read_text())
        for category in other["categories"]:
            category["name"] += "s"
        (self.folder / "other.json").write_text(json.dumps(other))
        result = run_program("detect", "eval", "--annotations", self.folder / "other.json", "--checkpoint",
                             self.detector, "--images", self.data)
        self.assert_user_error(result, "--annotations has none of the 4 categories", "'owls'")


if __name__ == "__main__":
    unittest.main()
