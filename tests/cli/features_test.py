"""`convmae features`, `knn`, `stats` and the probe of `pretrain`: what an encoder makes of images."""

import csv
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open

from program import PROGRAM, TINY, ProgramTest, cpu_has_bf16, epochs, run_program, tensors, write_images

GOLDEN = Path(os.environ.get("CONVMAE_GOLDEN", Path(__file__).parents[1] / "golden"))
COLOURS = {"blue": (40, 60, 220), "green": (40, 200, 60), "red": (220, 50, 40)}


def write_classes(folder, per_class, first=0):
    """One subfolder a colour; images of a class differ in brightness and a little noise."""
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(first, first + per_class):
            draw = np.random.default_rng(number)
            pixels = np.array(colour) * draw.uniform(0.6, 1) + draw.normal(0, 5, (40, 40, 3))
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(folder / name / f"{number:03}.png")


class FeaturesTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.labelled = cls.scratch / "labelled"
        write_classes(cls.labelled / "train", 8)
        write_classes(cls.labelled / "val", 3, first=100)

    def run_command(self, *arguments):
        result = run_program(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def trained(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        return self.run_directory


class Features(FeaturesTest):
    def features(self, out, *arguments):
        return self.run_command("features", "--checkpoint", self.checkpoint, "--data",
                                self.labelled, "--out", out, "--threads", 1, *arguments)

    def setUp(self):
        super().setUp()
        self.checkpoint = self.trained()

    @unittest.skipUnless(cpu_has_bf16(), "this CPU has no bfloat16 arithmetic")
    def test_bf16_is_close(self, stage="stage3"):
        out = [self.folder / f"{precision}.safetensors" for precision in ("fp32", "bf16")]
        for path in out:
            self.features(path, "--stages", stage[-1], "--precision", path.stem)
        exact, rounded = (tensors(path)[stage] for path in out)
        self.assertEqual(rounded.dtype, np.float32)
        # Activations have the eight bits of bfloat16, those of float32 more.
        self.assertFalse((rounded.view(np.uint32) & 0xFFFF).any())
        self.assertTrue((exact.view(np.uint32) & 0xFFFF).any())
        self.assertLess(np.abs(exact - rounded).max(), 0.05 * np.abs(exact).max())

    @unittest.skipUnless(cpu_has_bf16(), "this CPU has no bfloat16 arithmetic")
    def test_bf16_is_close_for_mae_too(self):
        self.checkpoint = self.folder / "mae"
        result = self.call("--data", self.data, "--out", self.checkpoint, "--method", "mae",
                           "--model", "nano", "--input_size", 32, "--embed_dim", 24, "--depth", 2,
                           "--batch_size", 10, "--epochs", 1, "--threads", 1, "--panel_images", 0)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.test_bf16_is_close("stage1")

    def test_maps_of_all_stages(self):
        out = self.folder / "f.safetensors"
        self.features(out, "--stages", "1,2,3")
        found = tensors(out)
        self.assertEqual({name: value.shape for name, value in found.items()},
                         {"labels": (24,), "stage1": (24, 8, 8, 8), "stage2": (24, 12, 4, 4),
                          "stage3": (24, 16, 2, 2)})
        self.assertEqual(found["labels"].tolist(), [0] * 8 + [1] * 8 + [2] * 8)
        with safe_open(out, "np") as file:
            self.assertEqual(json.loads(file.metadata()["classes"]), ["blue", "green", "red"])
        with open(self.folder / "f.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 24)
        self.assertTrue(rows[9]["name"].endswith("green/001.png"))
        self.assertEqual(rows[9]["label"], "green")

    def test_pooled_features_are_the_means_of_the_maps(self):
        maps, pooled = self.folder / "maps.safetensors", self.folder / "pooled.safetensors"
        self.features(maps, "--stages", "1,2,3")
        self.features(pooled, "--stages", "1,2,3", "--pooled")
        for name in ("stage1", "stage2", "stage3"):
            np.testing.assert_allclose(tensors(pooled)[name], tensors(maps)[name].mean((2, 3)),
                                       rtol=1e-4, atol=1e-6)

    def test_npy_has_the_same(self):
        self.features(self.folder / "f.safetensors", "--stages", "2,3")
        self.features(self.folder / "f.npy", "--stages", "2,3")
        expected = tensors(self.folder / "f.safetensors")
        for name in ("stage2", "stage3"):
            np.testing.assert_array_equal(np.load(self.folder / f"f.{name}.npy"), expected[name])
        self.features(self.folder / "one.npy")
        np.testing.assert_array_equal(np.load(self.folder / "one.npy"), expected["stage3"])

    def test_batches_and_workers_change_nothing(self):
        self.features(self.folder / "a.npy", "--batch_size", 24, "--num_workers", 0)
        self.features(self.folder / "b.npy", "--batch_size", 5, "--num_workers", 3)
        np.testing.assert_allclose(np.load(self.folder / "a.npy"), np.load(self.folder / "b.npy"),
                                   rtol=1e-5, atol=1e-6)

    def test_the_held_out_part(self):
        self.features(self.folder / "v.npy", "--split", "val", "--pooled")
        self.assertEqual(np.load(self.folder / "v.npy").shape, (9, 16))

    def test_an_encoder_alone_and_one_inside_a_detector(self):
        published = torch.load(GOLDEN / "pth" / "checkpoint_legacy.pth", weights_only=False,
                               map_location="cpu")["model"]
        encoder = {name: value for name, value in published.items()
                   if not name.startswith(("decoder_", "mask_token", "stage", "norm."))}
        whole, alone, inside = (self.folder / name for name in ("w.pth", "a.pth", "i.pth"))
        torch.save({"model": published}, whole)
        torch.save({"model": encoder}, alone)
        torch.save({"model": {"backbone.bottom_up." + n: v for n, v in encoder.items()}}, inside)
        results = []
        for number, file in enumerate((whole, alone, inside)):
            out = self.folder / f"{number}.npy"
            self.checkpoint = file
            self.features(out, "--num_heads", 2)
            results.append(np.load(out))
        self.assertEqual(results[0].shape, (24, 20, 4, 4))
        np.testing.assert_array_equal(results[0], results[1])
        np.testing.assert_array_equal(results[0], results[2])
        self.assert_user_error(run_program("features", "--checkpoint", alone, "--data",
                                           self.labelled, "--out", self.folder / "x.npy"),
                               "--num_heads")

    def test_errors_leave_nothing_behind(self):
        data = self.folder / "data"
        write_images(data, 3)
        (data / "001.png").write_bytes(b"not an image")
        before = set(self.folder.iterdir())
        for arguments, fragments in (
            (("--data", data, "--out", self.folder / "f.npy"), ("001.png",)),
            (("--data", self.data, "--out", self.folder / "f.txt"), (".safetensors", ".npy")),
            (("--data", self.data, "--out", self.folder / "f.npy", "--stages", 4), ("--stages",)),
            (("--data", self.folder / "none", "--out", self.folder / "f.npy"), ("none",)),
        ):
            result = run_program("features", "--checkpoint", self.checkpoint, *arguments)
            self.assert_user_error(result, *fragments)
            self.assertEqual(set(self.folder.iterdir()), before)

    def test_memory_does_not_grow_with_the_images(self):
        def peak(count):
            """Of a process of its own, in MiB."""
            data = self.folder / f"{count}"
            data.mkdir()
            for number in range(count):
                (data / f"{number:04}.png").hardlink_to(self.data / "000.png")
            script = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
                      "stdout=subprocess.DEVNULL); "
                      "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
            result = subprocess.run(
                [sys.executable, "-c", script, PROGRAM, "features", "--checkpoint",
                 str(self.checkpoint), "--data", str(data), "--out",
                 str(self.folder / f"{count}.safetensors"), "--stages", "1,2,3", "--batch_size",
                 "16", "--threads", "1"], capture_output=True, text=True, check=True,
                env=dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1"))  # else it keeps what is freed
            return int(result.stdout) / 1024

        sizes = [size.replace("32", "64") for size in TINY]
        sizes[sizes.index("--embed_dim") + 1] = "64"
        result = self.call("--data", self.data, "--out", self.run_directory, *sizes, "--overwrite",
                           "--batch_size", 10, "--epochs", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        few, many = peak(64), peak(1600)
        written = (self.folder / "1600.safetensors").stat().st_size / 2**20
        self.assertGreater(written, 100)
        self.assertLess(many - few, written / 4)


class Knn(FeaturesTest):
    def knn(self, *arguments):
        return json.loads(self.run_command("knn", "--checkpoint", self.run_directory, "--threads",
                                           1, "--json", *arguments))

    def test_colours_are_told_apart(self):
        self.trained()
        found = self.knn("--data", self.labelled, "--k", "1,5")
        self.assertEqual([score["k"] for score in found["scores"]], [1, 5])
        for score in found["scores"]:
            self.assertGreater(score["top1"], 0.85)
            self.assertEqual(score["top5"] >= score["top1"], True)

    def test_without_held_out_images_each_is_asked_among_the_others(self):
        self.trained()
        found = self.knn("--data", self.labelled / "train")
        self.assertEqual(found["queries"], "the same, each among all others")
        # All 23 others are asked, of which 7 are of the same class.
        self.assertEqual([score["k"] for score in found["scores"]], [20, 23])

    def test_scores_agree_with_numpy(self):
        self.trained()
        arrays = {}
        for split in ("train", "val"):
            out = self.folder / f"{split}.safetensors"
            self.run_command("features", "--checkpoint", self.run_directory, "--data",
                             self.labelled, "--split", split, "--pooled", "--out", out)
            arrays[split] = tensors(out)
        unit = {split: values["stage3"] / np.linalg.norm(values["stage3"], axis=1, keepdims=True)
                for split, values in arrays.items()}
        similarity = unit["val"] @ unit["train"].T
        nearest = np.argsort(-similarity, axis=1)[:, :4]
        votes = np.zeros((9, 3))
        for query in range(9):
            for index in nearest[query]:
                votes[query, arrays["train"]["labels"][index]] += np.exp(
                    similarity[query, index] / 0.1)
        expected = (votes.argmax(1) == arrays["val"]["labels"]).mean()
        found = self.knn("--data", self.labelled, "--k", 4, "--temperature", 0.1)
        self.assertAlmostEqual(found["scores"][0]["top1"], expected)

    def test_held_out_images_may_lack_classes(self):
        self.trained()
        def images(name, labels):
            path = self.folder / f"{name}.csv"
            path.write_text("".join(
                f"{image},{label}\n" for folder, label in labels.items()
                for image in sorted((self.labelled / "train" / folder).iterdir())))
            return path
        bank = images("bank", {"blue": 70000000, "green": 9, "red": 3})
        few = images("few", {"blue": 70000000, "red": 3})
        found = self.knn("--data", bank, "--eval_data", few, "--k", 1)
        self.assertEqual(found["scores"][0]["top1"], 1, "each is its own neighbour")
        out = self.folder / "found.npy"
        self.run_command("features", "--checkpoint", self.run_directory, "--data", few, "--out", out)
        with open(self.folder / "found.csv", newline="") as file:
            self.assertEqual({row["label"] for row in csv.DictReader(file)}, {"3", "70000000"})
        one = self.folder / "one.csv"
        one.write_text(few.read_text().splitlines()[0])
        self.assert_user_error(run_program("knn", "--checkpoint", self.run_directory, "--data", one),
                               "one image alone")

    def test_a_class_must_be_the_same(self):
        self.trained()
        other = self.folder / "other"
        write_classes(other, 2)
        for name in COLOURS:
            (other / name).rename(other / f"dark {name}")
        result = run_program("knn", "--checkpoint", self.run_directory, "--data", self.labelled,
                             "--eval_data", other)
        self.assert_user_error(result, "dark red")
        result = run_program("knn", "--checkpoint", self.run_directory, "--data", self.data)
        self.assert_user_error(result, "one subfolder a class")


class Stats(FeaturesTest):
    def test_mean_and_deviation(self):
        data = self.folder / "data"
        data.mkdir()
        for number, value in enumerate(((51, 0, 255), (204, 0, 255))):
            Image.new("RGB", (30 + 20 * number, 40), value).save(data / f"{number}.png")
        found = json.loads(self.run_command("stats", data, "--json"))
        self.assertEqual(found["images"], 2)
        np.testing.assert_allclose(found["mean"], [0.5, 0, 1], atol=1e-6)
        np.testing.assert_allclose(found["std"], [0.3, 0, 0], atol=1e-3)

    def test_the_line_can_be_used(self):
        line = self.run_command("stats", self.data, "--input_size", 32).splitlines()[-1]
        self.pretrain("--batch_size", 10, "--epochs", 1, *line.split())

    def test_numbers_out_of_range(self):
        for flag, value, expected in (("--in_chans", "0", "must be a number above 0, found 0"),
                                      ("--num_workers", "-1", "must be a number of 0 or more, found -1"),
                                      ("--num_workers", "two", "must be a whole number, found 'two'")):
            self.assert_user_error(run_program("stats", self.data, flag, value), flag, expected)

    def test_a_misspelt_flag_comes_before_the_missing_one(self):
        self.assert_user_error(run_program("eval", "--chekpoint", "a", "--data", self.data),
                               "unknown flag --chekpoint")


class Probe(FeaturesTest):
    def probed(self, *arguments, **keywords):
        return self.pretrain("--batch_size", 10, "--epochs", 3, "--probe_every", 2, "--probe_data",
                             self.labelled, *arguments, **keywords)

    def test_scores_are_in_log_and_report(self):
        self.probed()
        header = json.loads((self.run_directory / "log.txt").read_text().splitlines()[0])
        self.assertEqual((header["probe"]["images"], header["probe"]["classes"]), (9, 3))
        lines = epochs(self.run_directory)
        self.assertEqual(["knn_top1" in line for line in lines], [False, True, True])
        self.assertIn("Nearest neighbours", (self.run_directory / "report.html").read_text())

    def test_it_is_the_score_of_the_knn_command(self):
        self.probed()
        found = json.loads(self.run_command(
            "knn", "--checkpoint", self.run_directory / "weights.safetensors", "--data",
            self.labelled / "val", "--k", 20, "--json", "--threads", 1))
        self.assertAlmostEqual(found["scores"][0]["top1"],
                               epochs(self.run_directory)[-1]["knn_top1"])

    def test_looking_changes_nothing(self):
        self.probed()
        self.pretrain("--batch_size", 10, "--epochs", 3, out=self.folder / "plain")
        self.assert_same_tensors(self.run_directory / "weights.safetensors",
                                 self.folder / "plain" / "weights.safetensors")

    def test_data_without_classes(self):
        result = self.call("--data", self.data, "--out", self.run_directory, "--probe_every", 1)
        self.assert_user_error(result, "--probe_data")
        result = self.call("--data", self.data, "--out", self.run_directory, "--probe_every", 1,
                           "--probe_data", self.data, "--batch_size", 4)
        self.assert_user_error(result, "--probe_data", "one subfolder a class")


if __name__ == "__main__":
    unittest.main()
