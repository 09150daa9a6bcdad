"""Where images are counted, one that cannot be used is left out and named once; no other takes its place.

Each result must be that of the same images without the bad ones."""

import json
import shutil
import unittest

import numpy as np
from PIL import Image

from program import TINY, TINY_CLASSIFIER, ProgramTest, epochs, run_program, steps, write_classes

CLASSIFIER = [*TINY_CLASSIFIER, "--epochs", 2, "--warmup_epochs", 0]
MANY = ["--max_bad_share", 0.5]
BAD = ("blue/000.png", "blue/zzz.png", "red/0025.png")


class BadImages(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sound = cls.scratch / "sound"
        cls.mixed = cls.scratch / "mixed"
        for folder in (cls.sound, cls.mixed):
            write_classes(folder, 5, first=1)
        for name in BAD:
            (cls.mixed / name).write_bytes(b"not an image")
        cls.one_bad = cls.scratch / "one bad"
        shutil.copytree(cls.sound, cls.one_bad)
        (cls.one_bad / "red" / "zzz.png").write_bytes(b"not an image")

    def train(self, command, name, *arguments, expect=0):
        run = self.folder / name
        result = run_program(command, "--out", run, *arguments)
        self.assertEqual(result.returncode, expect, result.stderr)
        return run, result

    def assert_named_once(self, run, result, names=BAD):
        listed = [json.loads(line)["name"]
                  for line in (run / "bad_samples.jsonl").read_text().splitlines()]
        self.assertEqual([any(entry.endswith(name) for entry in listed) for name in names],
                         [True] * len(names))
        self.assertEqual(len(listed), len(names))
        said = [line for line in result.stderr.splitlines() if "left out" in line]
        self.assertEqual(len(said), len(names), result.stderr)

    def assert_same_epochs(self, one, other):
        """The same log but for last bits, which depend on how many images are taken at a time."""
        left, right = epochs(one), epochs(other)
        self.assertEqual([line.keys() for line in left], [line.keys() for line in right])
        for found, expected in zip(left, right):
            for key, value in expected.items():
                self.assertAlmostEqual(found[key], value, places=5, msg=key)

    def test_classifiers_are_measured_without_them(self):
        for command, *flags in (["finetune"], ["linprobe"], ["linprobe", "--features_cached"]):
            given = ["--data", self.sound, *CLASSIFIER, *flags]
            mixed, result = self.train(command, "mixed", *given, "--eval_data", self.mixed, *MANY)
            sound, _ = self.train(command, "sound", *given, "--eval_data", self.sound)
            self.assert_named_once(mixed, result)
            self.assertEqual([line["test_images"] for line in epochs(mixed)], [10, 10])
            self.assert_same_epochs(mixed, sound)
            header = json.loads((mixed / "log.txt").read_text().splitlines()[0])
            self.assertEqual(header["val"]["test_images"], 10)
            _, result = self.train(command, "strict", *given, "--eval_data", self.mixed,
                                   "--on_bad_sample", "error", expect=2)
            self.assert_user_error(result, "blue/000.png")
            for run in ("mixed", "sound", "strict"):
                shutil.rmtree(self.folder / run)

    def test_a_batch_may_lose_all_its_images(self):
        given = ["--data", self.sound, *CLASSIFIER, *MANY]
        mixed, _ = self.train("finetune", "mixed", *given, "--eval_data", self.mixed,
                              "--eval_every_epochs", 2)
        sound, _ = self.train("finetune", "sound", *given, "--eval_data", self.sound,
                              "--eval_every_epochs", 2)
        weights = mixed / "weights.safetensors"
        lines = [run_program("eval", "--checkpoint", weights, "--data", data, "--threads", 1,
                             "--batch_size", 1, "--on_bad_sample", "skip").stdout.splitlines()
                 for data in (self.mixed, self.sound)]
        self.assertEqual(lines[0][1:], lines[1][1:])
        self.assertIn("13 images in 2 classes, 3 left out", lines[0][0])

    def test_nothing_but_bad_images_is_an_error(self):
        empty = self.folder / "bad"
        shutil.copytree(self.sound, empty)
        for path in empty.glob("*/*.png"):
            path.write_bytes(b"not an image")
        result = run_program("stats", empty, "--input_size", 32, "--on_bad_sample", "skip")
        self.assert_user_error(result, "none of the 10 images can be used")
        _, result = self.train("finetune", "run", "--data", self.sound, *CLASSIFIER,
                               "--max_bad_share", 0.9, "--eval_data", empty, expect=2)
        self.assert_user_error(result, "none of the 10 images can be used")

    def test_a_probe_on_cached_features_replaces_bad_training_images_as_a_loader_does(self):
        mixed, result = self.train("linprobe", "mixed", "--data", self.mixed, *CLASSIFIER, *MANY,
                                   "--features_cached", "--eval_data", self.sound)
        self.assert_named_once(mixed, result)
        self.assertTrue(all(np.isfinite(line["train_loss"]) for line in epochs(mixed)))
        # Of images of one colour every crop is the same: the two ways must see the same ones.
        plain = self.folder / "plain"
        for number, name in enumerate(("a", "b")):
            (plain / name).mkdir(parents=True)
            for i in range(6):
                colour = (40 * i, 250 * number, 255 - 30 * i)
                Image.new("RGB", (40, 40), colour).save(plain / name / f"{i}.png")
        for name in ("a/2.png", "b/0.png", "b/5.png"):
            (plain / name).write_bytes(b"not an image")
        losses = []
        for flag in ("--no_features_cached", "--features_cached"):
            run, _ = self.train("linprobe", "plain" + flag, "--data", plain, *CLASSIFIER, *MANY,
                                "--epochs", 4, "--blr", 100, flag)
            losses.append([line["loss"] for line in steps(run)])
        self.assertEqual(len(losses[0]), 12)
        self.assertGreater(np.ptp(losses[0]), 0.01)
        np.testing.assert_allclose(*losses, rtol=1e-4)
        _, result = self.train("linprobe", "strict", "--data", self.mixed, *CLASSIFIER,
                               "--features_cached", "--on_bad_sample", "error", expect=2)
        self.assert_user_error(result, "blue/000.png")

    def test_pretraining_is_measured_without_them(self):
        given = ["--data", self.data, *TINY, "--batch_size", 4, "--epochs", 2, *MANY,
                 "--probe_every", 1]
        mixed, result = self.train("pretrain", "mixed", *given, "--eval_data", self.one_bad,
                                   "--probe_data", self.mixed)
        sound, _ = self.train("pretrain", "sound", *given, "--eval_data", self.sound,
                              "--probe_data", self.sound)
        self.assert_named_once(mixed, result, [*BAD, "red/zzz.png"])
        self.assert_same_epochs(mixed, sound)
        self.assertIn("val_loss", epochs(mixed)[0])
        headers = [json.loads((run / "log.txt").read_text().splitlines()[0])
                   for run in (mixed, sound)]
        for key in ("val", "probe"):
            self.assertEqual(headers[0][key], headers[1][key])
            self.assertEqual(headers[0][key]["images"], 10)
        self.assertIn("nearest neighbours of 10 images", result.stderr)
        for flag in ("--eval_data", "--probe_data"):
            _, result = self.train("pretrain", "strict" + flag, *given, flag, self.mixed,
                                   *(["--probe_data", self.sound] if flag == "--eval_data" else []),
                                   "--on_bad_sample", "error", expect=2)
            self.assert_user_error(result, "blue/000.png")

    def test_a_run_that_goes_on_names_them_no_second_time(self):
        run, _ = self.train("finetune", "run", "--data", self.sound, *CLASSIFIER, *MANY,
                            "--eval_data", self.mixed)
        result = run_program("finetune", "--resume", run, "--epochs", 3)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("left out", result.stderr)
        self.assertEqual(len((run / "bad_samples.jsonl").read_text().splitlines()), len(BAD))

    def test_commands_refuse_them_and_say_how_to_leave_them_out(self):
        run, _ = self.train("pretrain", "run", "--data", self.data, *TINY, "--batch_size", 10,
                            "--epochs", 1)
        out = self.folder / "features.npy"
        reading = ["--checkpoint", run, "--threads", 1, "--batch_size", 2, "--data"]
        for command in (["stats", "--input_size", 32, "--json"],
                        ["knn", "--json", *reading],
                        ["features", "--pooled", "--out", out, *reading]):
            result = run_program(*command, self.mixed)
            self.assert_user_error(result, "blue/000.png", "--on_bad_sample skip")
            self.assertFalse(out.exists())
            result = run_program(*command, self.mixed, "--on_bad_sample", "skip")
            self.assertEqual(result.returncode, 0, result.stderr)
            said = [line for line in result.stderr.splitlines() if "left out" in line]
            self.assertEqual(len(said), len(BAD), result.stderr)
            if command[0] == "features":
                self.assertIn("13 images in 2 classes, 3 left out", result.stdout)
                features = np.load(out)
                names = out.with_suffix(".csv").read_text().splitlines()[1:]
                self.assertEqual(len(names), len(features))
                self.assertEqual(run_program(*command, self.sound).returncode, 0)
                np.testing.assert_array_equal(features, np.load(out))
                self.assertEqual([name.replace("mixed", "sound") for name in names],
                                 out.with_suffix(".csv").read_text().splitlines()[1:])
                continue
            found, expected = (json.loads(text) for text in (
                result.stdout, run_program(*command, self.sound).stdout))
            if command[0] == "knn":
                self.assertIn("13 images in 2 classes, 3 left out", found.pop("images"))
                expected.pop("images")
            self.assertEqual(found, expected)


if __name__ == "__main__":
    unittest.main()
