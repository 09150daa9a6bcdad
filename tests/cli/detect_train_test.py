"""`convmae detect train`: training, continuing, starting from weights, and what a user can get wrong."""

import json
import shutil
import unittest

import numpy as np
from PIL import Image

from program import (TINY, ProgramTest, checkpoints, epochs, metadata_of, run_program, steps, tensors,
                     write_images)

# A detector that takes milliseconds a step and still has every part.
ENCODER = "--embed_dim 8 12 16 --depth 1 1 2 --num_heads 2".split()
TINY_DETECTOR = [*ENCODER, *(
    "--input_size 64 --windowed_blocks 1 --window_size 2 --out_channels 8 --rpn_conv_dims 8 "
    "--anchor_sizes 8 16 32 48 64 --box_conv_dims 8 --box_fc_dims 16 --mask_conv_dims 8 8 --mask_pool 7 "
    "--canonical_box_size 32 --pre_nms_topk 60 40 --post_nms_topk 30 20 --rpn_batch 32 --roi_batch 16 "
    "--jitter 0.5 1.5 --threads 1 --batch_size 4 --num_workers 1").split()]
COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200)}


def rectangle(x, y, width, height):
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def write_set(folder, count, names=("red", "blue"), masks=lambda number: True, channels=3, empty=()):
    """Pictures of a coloured rectangle or two on grey, with what they show in annotations.json."""
    folder.mkdir(parents=True)
    images, annotations = [], []
    for number in range(count):
        draw = np.random.default_rng(number)
        pixels = draw.uniform(100, 140, (48, 72, 3)).astype(np.uint8)
        images.append(dict(id=number + 1, width=72, height=48, file_name=f"{number:03}.png"))
        for k in range(0 if number in empty else 1 + number % 2):
            x, y = int(draw.integers(0, 36)), int(draw.integers(0, 20))
            width, height = int(draw.integers(16, 32)), int(draw.integers(12, 24))
            category = (number + k) % len(names)
            pixels[y:y + height, x:x + width] = COLOURS[("red", "blue")[category % 2]]
            entry = dict(id=len(annotations) + 1, image_id=number + 1, category_id=10 + category, iscrowd=0,
                         bbox=[x, y, width, height], area=width * height)
            if masks(number):
                entry["segmentation"] = rectangle(x, y, width, height)
            annotations.append(entry)
        picture = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
        picture.save(folder / f"{number:03}.png")
    categories = [dict(id=10 + k, name=name) for k, name in enumerate(names)]
    write_annotations(folder, images, annotations, categories)


def write_annotations(folder, images, annotations, categories):
    (folder / "annotations.json").write_text(
        json.dumps(dict(images=images, annotations=annotations, categories=categories)))


class DetectTrain(ProgramTest):
    IMAGES = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set = cls.scratch / "set"
        write_set(cls.set, 12)

    def call_train(self, *arguments, data=None, out=None):
        data = data or self.set
        return run_program("detect", "train", "--images", data, "--annotations", data / "annotations.json",
                           "--out", out or self.run_directory, *TINY_DETECTOR, *arguments)

    def train(self, *arguments, **keywords):
        result = self.call_train(*arguments, **keywords)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def held_out(self, data=None):
        data = data or self.set
        return ["--eval_images", data, "--eval_annotations", data / "annotations.json"]

    def cut(self, step):
        """A copy of the run as it was when it was killed some time after that step's checkpoint."""
        copy = self.folder / f"cut-{step}"
        shutil.copytree(self.run_directory, copy, symlinks=True)
        for path in checkpoints(copy):
            if int(path.stem.split("-")[1]) > step:
                path.unlink()
        (copy / "weights.safetensors").unlink()
        return copy

    def task_of(self, run):
        return json.loads(metadata_of(run / "weights.safetensors")["convmae.task"])

    def test_learns_and_says_what_it_has_learned(self):
        result = self.train(*self.held_out(), "--steps", 60, "--warmup_steps", 5, "--lr", "3e-3",
                            "--eval_every_steps", 30, "--drop_path", 0, "--weight_decay", "0.01")
        self.assertIn("plan: 60 steps of 4 images, 3 an epoch", result.stderr)
        records = steps(self.run_directory)
        self.assertEqual(set(records[0]["parts"]), {"loss_rpn_cls", "loss_rpn_loc", "loss_cls", "loss_box_reg",
                                                    "loss_mask"})
        for record in records:
            self.assertAlmostEqual(sum(record["parts"].values()), record["loss"], places=4)
        first, last = (np.mean([r["loss"] for r in part]) for part in (records[:10], records[-10:]))
        self.assertLess(last, 0.8 * first)
        line = epochs(self.run_directory)[-1]
        self.assertGreaterEqual(line["box_ap50"], line["box_ap"])
        self.assertIn("mask_ap", line)
        self.assertIn("Boxes on held-out images", (self.run_directory / "report.html").read_text())
        task = self.task_of(self.run_directory)
        self.assertEqual((task["classes"], task["category_ids"]), (["red", "blue"], [10, 11]))

    def test_any_cut_continues_exactly(self):
        self.train(*self.held_out(), "--epochs", 2, "--accum_iter", 2, "--save_every_steps", 1, "--keep_last", 100,
                   "--drop_path", 0.2, "--warmup_steps", 2)
        self.assertEqual(len(steps(self.run_directory)), 4)
        for step in (1, 2, 3):
            with self.subTest(step=step):
                run = self.cut(step)
                result = run_program("detect", "train", "--resume", run, "--num_workers", 3)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assert_same_tensors(checkpoints(run)[-1], checkpoints(self.run_directory)[-1])
                self.assert_same_tensors(run / "weights.safetensors", self.run_directory / "weights.safetensors")
                self.assertEqual((run / "steps.jsonl").read_bytes(),
                                 (self.run_directory / "steps.jsonl").read_bytes())
                self.assertEqual(epochs(run), epochs(self.run_directory))

    def test_other_annotations_do_not_continue_a_run(self):
        data = self.folder / "data"
        shutil.copytree(self.set, data)
        self.train("--epochs", 2, "--warmup_steps", 0, data=data)
        content = json.loads((data / "annotations.json").read_text())
        content["annotations"][0]["bbox"][2] += 1
        write_annotations(data, **content)
        self.assert_user_error(run_program("detect", "train", "--resume", self.run_directory, "--epochs", 3),
                               "their annotations differ")

    def test_starts_from_pretraining_and_from_a_detector_with_other_classes(self):
        write_images(self.folder / "photos", 10)
        pretrained = self.folder / "pretrained"
        result = run_program("pretrain", "--data", self.folder / "photos", "--out", pretrained, *TINY, "--depth", 1,
                             1, 2, "--batch_size", 10, "--epochs", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        recipe = ["--epochs", 1, "--warmup_steps", 0]
        result = self.train("--init", pretrained / "weights.safetensors", *recipe, "--lr", 0)
        self.assertIn("positions of a 2x2 grid interpolated to 4x4", result.stderr)
        self.assertIn("new: pyramid and heads", result.stderr)
        ours, theirs = (tensors(run / "weights.safetensors") for run in (self.run_directory, pretrained))
        for name in ("patch_embed1.proj.weight", "blocks3.1.mlp.fc2.weight"):
            self.assertTrue(np.array_equal(ours["backbone.bottom_up." + name], theirs[name]), name)

        data = self.folder / "others"
        write_set(data, 8, names=("green", "red", "white"))
        other = self.folder / "other"
        result = self.train("--init", self.run_directory / "weights.safetensors", *recipe, "--lr", 0, data=data,
                            out=other)
        self.assertIn("classes: rows of 1 of 3 carried over by name, new: 'green' and 'white'", result.stderr)
        found = tensors(other / "weights.safetensors")
        for name in ("roi_heads.box_head.fc1.weight", "proposal_generator.rpn_head.conv.weight",
                     "backbone.bottom_up.global_rel_pos_bias.relative_position_bias_table"):
            self.assertTrue(np.array_equal(found[name], ours[name]), name)
        for name, rows in (("box_predictor.cls_score.weight", 1), ("box_predictor.bbox_pred.bias", 4),
                           ("mask_head.predictor.weight", 1)):
            name = "roi_heads." + name
            self.assertTrue(np.array_equal(found[name][rows:2 * rows], ours[name][:rows]), name)
        self.assertTrue(np.array_equal(found["roi_heads.box_predictor.cls_score.weight"][3],
                                       ours["roi_heads.box_predictor.cls_score.weight"][2]))
        self.assertEqual(self.task_of(other)["classes"], ["green", "red", "white"])

    def test_a_detector_tells_its_sizes(self):
        self.train("--epochs", 1, "--warmup_steps", 0)
        other = self.folder / "other"
        result = run_program("detect", "train", "--images", self.set, "--annotations", self.set / "annotations.json",
                             "--init", self.run_directory / "weights.safetensors", "--out", other, "--input_size", 128,
                             "--epochs", 1, "--warmup_steps", 0, "--batch_size", 4, "--threads", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("tables of relative positions interpolated", result.stderr.replace("table of", "tables of"))
        config = self.task_of(other)["detector"]
        self.assertEqual((config["img_size"], config["out_channels"], config["window_size"]), ([128, 128], 8, 2))

    def test_boxes_alone_and_some_masks(self):
        boxes = self.folder / "boxes"
        write_set(boxes, 8, masks=lambda number: False)
        result = self.train(*self.held_out(boxes), "--epochs", 1, "--warmup_steps", 0, data=boxes)
        self.assertIn("no masks: trains boxes alone", result.stderr)
        self.assertNotIn("loss_mask", steps(self.run_directory)[0]["parts"])
        self.assertFalse(self.task_of(self.run_directory)["detector"]["masks"])
        self.assertNotIn("mask_ap", epochs(self.run_directory)[-1])
        self.assert_user_error(self.call_train(*self.held_out(boxes), "--best_by", "mask_ap", data=boxes,
                                               out=self.folder / "never"), "--best_by mask_ap needs masks")
        some = self.folder / "some"
        write_set(some, 8, masks=lambda number: number % 2 == 0)
        result = self.train("--epochs", 1, "--warmup_steps", 0, data=some, out=self.folder / "mixed")
        self.assertIn("8 objects have no mask: the mask head learns from the others", result.stderr)

    def test_images_without_objects(self):
        data = self.folder / "sparse"
        write_set(data, 12, empty=range(4, 12))
        recipe = ["--epochs", 2, "--warmup_steps", 0]
        result = self.train(*recipe, data=data)
        self.assertIn("8 images without objects", result.stderr)
        self.assertEqual(len(steps(self.run_directory)), 2)
        kept = self.folder / "kept"
        self.train(*recipe, "--keep_empty", data=data, out=kept)
        records = steps(kept)
        self.assertEqual(len(records), 6)
        self.assertEqual(["skipped" in r for r in records], [False] * 6)
        self.assertTrue(all(np.isfinite(r["loss"]) for r in records))

    def test_images_are_turned_as_exif_says(self):
        data = self.folder / "turned"
        write_set(data, 4)
        for path in data.glob("*.png"):
            with Image.open(path) as picture:
                exif = Image.Exif()
                exif[0x0112] = 6  # to be turned by 90 degrees to the right
                picture.transpose(Image.Transpose.ROTATE_90).save(path.with_suffix(".jpg"), exif=exif, quality=95)
            path.unlink()
        content = json.loads((data / "annotations.json").read_text())
        for image in content["images"]:
            image["file_name"] = image["file_name"].replace(".png", ".jpg")
        write_annotations(data, **content)
        result = self.train("--epochs", 1, "--warmup_steps", 0, data=data)
        self.assertNotIn("warning", result.stderr)
        for image in content["images"]:
            image["width"], image["height"] = image["height"], image["width"]
        write_annotations(data, **content)
        self.assert_user_error(self.call_train("--epochs", 1, "--warmup_steps", 0, data=data,
                                               out=self.folder / "never"), "48x72")

    def test_ends_when_nothing_gets_better(self):
        self.train(*self.held_out(), "--epochs", 9, "--warmup_steps", 0, "--score_thresh", 1, "--patience", 2)
        self.assertEqual(len(epochs(self.run_directory)), 3)  # the first is the best
        outcome = json.loads((self.run_directory / "result.json").read_text())
        self.assertEqual((outcome["status"], outcome["reason"]), ("finished", "no_better_score"))
        result = run_program("detect", "train", "--resume", self.run_directory)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(epochs(self.run_directory)), 3)
        result = run_program("detect", "train", "--resume", self.run_directory, "--patience", 3)
        self.assertEqual(len(epochs(self.run_directory)), 4)

    def test_one_channel(self):
        data = self.folder / "grey"
        write_set(data, 4, channels=1)
        self.train("--in_chans", 1, "--epochs", 1, "--warmup_steps", 0, data=data)
        self.assertEqual(tensors(self.run_directory / "weights.safetensors")
                         ["backbone.bottom_up.patch_embed1.proj.weight"].shape[1], 1)

    def test_the_second_published_detector(self):
        self.train("--detector", "official", *self.held_out(), "--epochs", 1, "--warmup_steps", 0, "--layer_decay",
                   0.8, "--lr_schedule", "step", "--recompute")
        self.assertIn("backbone.net.pos_embed", tensors(self.run_directory / "weights.safetensors"))

    def test_what_a_user_can_get_wrong(self):
        for arguments, words in (
                (["--detector", "beta"], ["no detector is named 'beta'", "alpha or official"]),
                (["--input_size", 64, 96], ["--input_size must be one number", "64x96"]),
                (["--window_size", 3], ["windows of 3 do not divide"]),
                (["--norm", "group"], ["--norm must be one of batch, layer"]),
                (["--windowed_blocks", "x"], ["--windowed_blocks takes whole numbers"]),
                (["--jitter", 2, 1], ["--jitter takes two factors"]),
                (["--lr_schedule", "poly"], ["--lr_schedule must be cosine or step"]),
                (["--best_by", "f1"], ["--best_by must be box_ap or mask_ap"]),
                (["--patience", 2], ["--patience needs --eval_images"]),
                (["--eval_images", self.set], ["--eval_annotations is missing"]),
                (["--images", self.folder / "none"], ["does not exist"]),
                (["--annotations", self.folder / "none.json"], ["none.json"]),
                (["--input_size", 32, "--batch_size", 1], ["--batch_size must be 2 or more"]),
                (["--batch_size", 13], ["12 images", "--batch_size"]),
        ):
            with self.subTest(arguments=arguments):
                self.assert_user_error(self.call_train(*arguments), *words)
                self.assertFalse(self.run_directory.exists())
        result = run_program("detect", "train", "--images", self.set, "--out", self.run_directory)
        self.assert_user_error(result, "--annotations is missing")
        pretraining = self.folder / "pretraining"
        write_images(self.folder / "photos", 10)
        run_program("pretrain", "--data", self.folder / "photos", "--out", pretraining, *TINY, "--batch_size", 10,
                    "--epochs", 1)
        self.assert_user_error(run_program("detect", "train", "--resume", pretraining), "convmae pretrain --resume")


if __name__ == "__main__":
    unittest.main()
