"""`convmae detect predict`: pictures and COCO's files of what a detector finds."""

import json
import shutil
import tarfile
import unittest

from PIL import Image

from program import DRAWS, ProgramTest, make_detector, run_program, write_images

# An untrained detector of four classes gives each a fifth.
EVERYTHING = ["--score_threshold", "0.1", "--max_detections", "7", "--threads", "1"]


class DetectPredict(ProgramTest):
    IMAGES = 3

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.detector = cls.scratch / "detector.safetensors"
        make_detector(cls.detector)

    def predict(self, *arguments, expect=0, pictures=False):
        self.out = self.folder / "out"
        result = run_program("detect", "predict", "--checkpoint", self.detector, "--out", self.out, *EVERYTHING,
                             *([] if pictures else ["--no_pictures"]), *arguments)
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def load(self, name):
        return json.loads((self.out / name).read_text())

    def pictures(self):
        return sorted(path.name for path in (self.out / "pictures").iterdir())

    def test_a_folder_becomes_pictures_and_results(self):
        result = self.predict("--data", self.data, pictures=True)
        detections, images = self.load("detections.json"), self.load("images.json")
        self.assertEqual([image["file_name"] for image in images["images"]], ["000.png", "001.png", "002.png"])
        self.assertEqual([category["name"] for category in images["categories"]], ["cat", "dog", "猫", "owl"])
        ids = {image["id"] for image in images["images"]}
        self.assertEqual({found["image_id"] for found in detections}, ids)
        self.assertLessEqual({found["category_id"] for found in detections}, {10, 11, 12, 13})
        self.assertEqual(len(detections), 3 * 7)
        for found in detections:
            self.assertEqual(found["segmentation"]["size"], [40, 40])
            self.assertGreater(found["score"], 0.1)
        self.assertIn("21 objects in 3 images", result.stdout)
        self.assertIn(str(self.out / "detections.json"), result.stdout)
        self.assertEqual(self.pictures(), ["000000-000.png", "000001-001.png", "000002-002.png"])
        with Image.open(self.out / "pictures" / "000000-000.png") as picture:
            self.assertEqual(picture.size, (640, 640), "small images are enlarged")

    def test_results_are_evaluated_as_they_are(self):
        self.predict("--data", self.data)
        truth = self.load("images.json")
        truth["annotations"] = [dict(id=1, image_id=truth["images"][0]["id"], category_id=10, bbox=[1, 1, 20, 20])]
        (self.out / "truth.json").write_text(json.dumps(truth))
        result = run_program("detect", "eval", "--results", self.out / "detections.json", "--annotations",
                             self.out / "truth.json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("21 detections", result.stdout)

    def test_annotations_of_what_is_found(self):
        self.predict("--data", self.data, "--format", "coco")
        found = self.load("annotations.json")
        self.assertEqual(len(found["images"]), 3)
        self.assertEqual([one["id"] for one in found["annotations"]], list(range(1, 22)))
        for one in found["annotations"]:
            self.assertGreater(one["score"], 0.1)
            if isinstance(one["segmentation"], list):
                self.assertTrue(all(len(polygon) >= 8 for polygon in one["segmentation"]))
        result = run_program("detect", "check", self.out / "annotations.json", "--images", self.data)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("0 errors", result.stdout)
        self.assertFalse((self.out / "detections.json").exists())

    def test_names_do_not_collide(self):
        for folder in ("a", "b"):
            write_images(self.folder / "set" / folder, 1)
        Image.open(self.data / "000.png").save(self.folder / "set" / "a" / "000.jpg")
        strange = self.folder / "set" / "a" / ("n" * 200 + "\n:'ü.png")
        shutil.copy(self.data / "001.png", strange)
        self.predict("--data", self.folder / "set", pictures=True)
        self.assertEqual(len(self.pictures()), 4)
        self.assertTrue(all("\n" not in name for name in self.pictures()))
        self.assertEqual(len({image["file_name"] for image in self.load("images.json")["images"]}), 4)
        self.assertIn("b/000.png", [image["file_name"] for image in self.load("images.json")["images"]])

    def test_a_bad_image_is_one_line_and_does_not_end_the_others(self):
        bad = self.folder / "bad.png"
        bad.write_bytes(b"no image")
        result = self.predict(self.data / "000.png", bad, self.data / "001.png", expect=1)
        lines = result.stderr.splitlines()
        self.assertEqual([("left out" in line, "bad.png" in line) for line in lines], [(True, True), (False, True)])
        self.assertIn("1 of 3 images could not be used", lines[-1])
        self.assertEqual({found["image_id"] for found in self.load("detections.json")}, {1, 3})
        shutil.rmtree(self.out)
        self.assert_user_error(run_program("detect", "predict", "--checkpoint", self.detector, "--out", self.out, bad,
                                           bad), "bad.png")
        self.predict(self.data / "000.png")

    def test_on_bad_sample_error_ends_it(self):
        bad = self.folder / "bad.png"
        bad.write_bytes(b"no image")
        result = self.predict(self.data / "000.png", bad, "--on_bad_sample", "error", expect=2)
        self.assert_user_error(result, "bad.png")
        self.assertFalse((self.out / "detections.json").exists())

    def test_lists_archives_and_single_files(self):
        images = self.folder / "list.txt"
        images.write_text("".join(f"{self.data / name}\n" for name in ("002.png", "000.png")))
        archive = self.folder / "images.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(self.data / "001.png", "x/001.png")
        for arguments, count in ((["--data", images], 2), ([images], 2), (["--data", archive], 1), ([archive], 1),
                                 ([self.data], 3), ([self.data / "000.png"], 1),
                                 ([self.data / "000.png", self.data / "001.png"], 2)):
            with self.subTest(arguments=arguments):
                result = self.predict(*arguments, "--json")
                self.assertEqual(json.loads(result.stdout)["images"], count)
                self.assertEqual(len(self.load("images.json")["images"]), count)
                shutil.rmtree(self.out)

    def test_truth_stands_beside_what_is_found(self):
        truth = dict(images=[dict(id=5, file_name="001.png", width=40, height=40)],
                     categories=[dict(id=3, name="owl"), dict(id=4, name="cat")],
                     annotations=[dict(id=1, image_id=5, category_id=4, bbox=[5, 5, 20, 20], iscrowd=0,
                                       segmentation=[[5, 5, 25, 5, 25, 25, 5, 25]])])
        annotations = self.folder / "truth.json"
        annotations.write_text(json.dumps(truth))
        result = self.predict("--data", self.data, "--annotations", annotations, pictures=DRAWS)
        self.assertIn("does not have 2 categories ('dog' and '猫')", result.stderr)
        found = self.load("detections.json")
        self.assertLessEqual({one["category_id"] for one in found}, {3, 4})
        self.assertIn(5, {one["image_id"] for one in found})
        self.assertFalse((self.out / "images.json").exists())
        if DRAWS:
            with Image.open(self.out / "pictures" / "000000-000.png") as alone, \
                    Image.open(self.out / "pictures" / "000001-001.png") as beside:
                self.assertEqual(alone.size, (640, 640))
                self.assertGreater(beside.width, 2 * 640)
                self.assertGreater(beside.height, 640)

    def test_nothing_found_is_a_result(self):
        result = self.predict("--data", self.data, "--score_threshold", 1)
        self.assertEqual(self.load("detections.json"), [])
        self.assertIn("0 objects in 3 images", result.stdout)

    def test_batches_and_threads_change_nothing_that_is_seen(self):
        self.predict("--data", self.data)
        alone = self.load("detections.json")
        shutil.rmtree(self.out)
        self.predict("--data", self.data, "--batch_size", 3, "--num_workers", 0)
        for one, other in zip(alone, self.load("detections.json"), strict=True):
            self.assertEqual(one["image_id"], other["image_id"])
            self.assertAlmostEqual(one["score"], other["score"], places=4)

    def test_nothing_is_replaced(self):
        self.predict("--data", self.data)
        before = (self.out / "detections.json").read_bytes()
        result = self.predict("--data", self.data, "--score_threshold", 1, expect=2)
        self.assert_user_error(result, "detections.json", "choose another --out")
        self.assertEqual((self.out / "detections.json").read_bytes(), before)

    def test_errors(self):
        call = ["detect", "predict", "--out", self.folder / "out", "--no_pictures"]
        self.assert_user_error(run_program(*call, self.data), "--checkpoint")
        self.assert_user_error(run_program(*call, "--checkpoint", self.detector), "--data")
        self.assert_user_error(run_program(*call, "--checkpoint", self.detector, "--data", self.data, self.data),
                               "not both")
        self.assert_user_error(run_program(*call, "--checkpoint", self.data / "000.png", self.data), "000.png")
        self.assert_user_error(run_program(*call, "--checkpoint", self.detector, self.data, "--format", "voc"),
                               "coco_results")
        self.assert_user_error(run_program(*call, "--checkpoint", self.detector, self.data, "--score_threshold", "2"),
                               "--score_threshold")
        self.assertFalse((self.folder / "out").exists())

    def test_a_detector_without_masks_gives_boxes(self):
        boxes = self.folder / "boxes.safetensors"
        make_detector(boxes, "boxes")
        self.predict("--data", self.data, "--checkpoint", boxes, pictures=DRAWS)
        self.assertNotIn("segmentation", self.load("detections.json")[0])


if __name__ == "__main__":
    unittest.main()
