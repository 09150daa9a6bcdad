"""What becomes of results that cannot be had: they are said, they cost no other, and they fail."""

import json
import shutil
import subprocess
import unittest

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from finetune_test import ClassifierTest
from program import PROGRAM, checkpoints, epochs, run_program, tensors

# A named model: of one the shapes alone tell everything.
NANO = "--model nano --input_size 32 --threads 1 --batch_size 4 --num_workers 1".split()
EPOCH = ["--epochs", 1, "--warmup_epochs", 0]


def spoil(source, target, change):
    """The same weights with `change` made to a dict of them, as a file of nobody's."""
    values = {name: value.copy() for name, value in tensors(source).items()}
    change(values)
    with safe_open(source, "np") as file:
        metadata = {key: value for key, value in file.metadata().items()
                    if key not in ("convmae.kind", "convmae.digest")}
    save_file(values, target, metadata=metadata)
    return target


def one_nan(values):
    values["patch_embed1.proj.weight"].flat[0] = np.nan


def too_large(values):
    for value in values.values():
        value *= 1e20


class ResultsTest(ClassifierTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.classifier = cls.scratch / "classifier"
        cls.pretrained = cls.scratch / "pretrained"
        for command, out in (("finetune", cls.classifier), ("pretrain", cls.pretrained)):
            result = run_program(command, "--data", cls.classes, "--out", out, *NANO, *EPOCH)
            if result.returncode != 0:
                raise AssertionError(result.stderr)
        cls.images = sorted((cls.classes / "val" / "red").iterdir())[:2]
        cls.broken = cls.scratch / "broken.jpg"
        cls.broken.write_bytes(b"\xff\xd8\xff\xe0 no more")

    def train(self, command, *arguments, out=None, expect=0):
        result = run_program(command, "--data", self.classes, "--out", out or self.run_directory,
                             *NANO, *arguments)
        self.assertEqual(result.returncode, expect, result.stderr)
        return result


class OneBadImage(ResultsTest):
    def predict(self, *arguments):
        return run_program("predict", "--checkpoint", self.classifier, "--threads", 1, *arguments)

    def test_does_not_cost_the_predictions_of_others(self):
        first, last = self.images
        missing = self.folder / "missing.png"
        sound = self.predict("--json", first, last)
        self.assertEqual(sound.returncode, 0, sound.stderr)
        result = self.predict("--json", first, self.broken, self.folder, missing, last)
        self.assertEqual(result.returncode, 1)
        rows = json.loads(result.stdout)
        self.assertEqual([row["image"] for row in rows],
                         list(map(str, (first, self.broken, self.folder, missing, last))))
        self.assertEqual([rows[0], rows[-1]], json.loads(sound.stdout))
        for row, reason in zip(rows[1:-1], ("JPEG", "directory", "No such file")):
            self.assertEqual(row.keys(), {"image", "error"})
            self.assertIn(reason, row["error"])
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertIn("3 of 5 images could not be used, the first is", result.stderr)

    def test_is_named_in_its_place(self):
        first, last = self.images
        result = self.predict("--top", 1, first, self.broken, last)
        self.assertEqual(result.returncode, 1)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[0::2], [str(first), str(self.broken), str(last)])
        self.assertTrue(lines[3].startswith("  error: "), lines[3])
        self.assertTrue(all("%" in line for line in (lines[1], lines[5])))

    def test_ends_the_command_where_that_is_asked_for(self):
        result = self.predict("--on_bad_sample", "error", self.images[0], self.broken)
        self.assert_user_error(result, "broken.jpg")

    def test_is_left_out_of_reconstructions(self):
        given = ["reconstruct", "--checkpoint", self.pretrained, "--threads", 1, "--out"]
        out = [self.folder / name for name in ("a.png", "b.png", "c.png")]
        sound = run_program(*given, out[0], *self.images)
        self.assertEqual(sound.returncode, 0, sound.stderr)
        mixed = [self.images[0], self.broken, self.images[1]]
        self.assert_user_error(run_program(*given, out[1], *mixed), "broken.jpg",
                               "--on_bad_sample skip")
        result = run_program(*given, out[1], *mixed, "--on_bad_sample", "skip")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(out[0].read_bytes(), out[1].read_bytes())
        rows = result.stdout.replace("b.png", "a.png").splitlines()
        named = [row for row in rows if "broken.jpg" in row]
        self.assertEqual(len(named), 1)
        self.assertEqual([row for row in rows if row not in named], sound.stdout.splitlines())
        self.assert_user_error(run_program(*given, out[2], self.broken, "--on_bad_sample", "skip"),
                               "broken.jpg")
        self.assertFalse(out[2].exists())

    def test_is_followed_by_advice_that_the_command_takes(self):
        data = self.folder / "data"
        shutil.copytree(self.classes / "val", data)
        shutil.copy(self.broken, data / "red" / "zzz.jpg")
        for command in (["eval", "--checkpoint", self.classifier, "--data", data],
                        ["knn", "--checkpoint", self.pretrained, "--data", data],
                        ["features", "--checkpoint", self.pretrained, "--data", data, "--out",
                         self.folder / "f.npy"],
                        ["stats", data, "--input_size", 32],
                        ["finetune", "--data", data, "--out", self.folder / "run", *NANO,
                         *EPOCH, "--on_bad_sample", "error"]):
            with self.subTest(command=command[0]):
                result = run_program(*command)
                self.assert_user_error(result, "zzz.jpg", "--on_bad_sample skip")
                result = run_program(*command, "--on_bad_sample", "skip")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("zzz.jpg", result.stderr)


class NoNumbers(ResultsTest):
    def test_of_weights_are_said_and_fail(self):
        for name, change in (("nan", one_nan), ("large", too_large)):
            classifier = spoil(self.classifier / "weights.safetensors", self.folder / name, change)
            encoder = spoil(self.pretrained / "weights.safetensors", self.folder / (name + "e"),
                            change)
            out = self.folder / "f.npy"
            for command in (["eval", "--checkpoint", classifier, "--data", self.classes],
                            ["knn", "--checkpoint", encoder, "--data", self.classes],
                            ["features", "--checkpoint", encoder, "--data", self.classes, "--out",
                             out],
                            ["reconstruct", "--checkpoint", encoder, "--out",
                             self.folder / "r.png", self.images[0]]):
                with self.subTest(command=command[0], weights=name):
                    result = run_program(*command, "--threads", 1)
                    self.assert_user_error(result, "NaN or infinity",
                                           "patch_embed1.proj.weight" if name == "nan" else
                                           "far too large")
                    self.assertNotIn("%", result.stdout)
            self.assertFalse(out.exists())
            result = run_program("predict", "--checkpoint", classifier, "--json", *self.images)
            self.assertEqual(result.returncode, 1)
            self.assertTrue(all("error" in row for row in json.loads(result.stdout)))
            self.assertNotIn("nan", result.stdout)

    def test_of_one_image_do_not_cost_the_predictions_of_others(self):
        huge = self.folder / "huge.npy"
        np.save(huge, np.full((40, 40, 3), 3e38, np.float32))
        result = run_program("predict", "--checkpoint", self.classifier, "--json", huge,
                             self.images[0])
        self.assertEqual(result.returncode, 1)
        bad, good = json.loads(result.stdout)
        self.assertIn("far too large", bad["error"])
        self.assertIn("classes", good)
        data = self.folder / "data"
        shutil.copytree(self.classes / "val", data)
        shutil.copy(huge, data / "red" / "huge.npy")
        self.assert_user_error(
            run_program("eval", "--checkpoint", self.classifier, "--data", data),
            "for 1 of 9 images, the first is", "huge.npy")

    def test_of_given_weights_end_training_before_it_begins(self):
        for command, source in (("finetune", self.classifier), ("linprobe", self.pretrained)):
            init = spoil(source / "weights.safetensors", self.folder / command, one_nan)
            result = self.train(command, "--init", init, *EPOCH, expect=2)
            self.assert_user_error(result, "patch_embed1.proj.weight", "NaN or infinity")
            self.assertFalse(self.run_directory.exists())

    def test_of_steps_end_a_run_that_trained_nothing(self):
        init = self.pretrained / "weights.safetensors"
        for command, flags, said in (
            ("finetune", ["--lr", 1e30], "steps were skipped"),
            ("linprobe", ["--init", init, "--lr", 1e30], "hold NaN or infinity"),
            ("finetune", ["--lr", 1e25, "--batch_size", 16, "--eval_data", self.classes],
             "of held-out images is not finite"),
        ):
            with self.subTest(command=command, flags=flags):
                run = self.folder / f"{command}-{len(flags)}"
                result = self.train(command, *EPOCH, *flags, out=run, expect=2)
                self.assert_user_error(result, "ends without a trained model", said, "--lr")
                self.assertFalse((run / "weights.safetensors").exists())
                self.assertIn("Stopped by an error", (run / "report.html").read_text())

    def test_a_few_of_them_do_not_end_a_run(self):
        data = self.folder / "data"
        shutil.copytree(self.classes / "train", data)
        pixels = np.random.default_rng(0).uniform(0, 3e38, (40, 40, 3)).astype(np.float32)
        np.save(data / "red" / "huge.npy", pixels)
        result = run_program("finetune", "--data", data, "--out", self.run_directory, *NANO,
                             "--warmup_epochs", 0, "--epochs", 2, "--aa", "none")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([line["skipped_steps"] for line in epochs(self.run_directory)], [1, 1])


class UsersFaults(ResultsTest):
    """None of them is an internal error."""

    def test_a_run_of_another_command_is_named(self):
        for command, run, of in (("finetune", self.pretrained, "pretrain"),
                                 ("linprobe", self.classifier, "finetune"),
                                 ("pretrain", self.classifier, "finetune")):
            self.assert_user_error(run_program(command, "--resume", run),
                                   f"is a run of `convmae {of}`", f"convmae {of} --resume")

    def test_a_learning_rate_that_no_weight_can_take(self):
        init = self.pretrained / "weights.safetensors"
        for flag in ("--lr", "--min_lr", "--weight_decay", "--clip_grad", "--blr"):
            for command in ("linprobe", "finetune"):
                result = self.train(command, "--init", init, *EPOCH, flag, "1e300", expect=2)
                self.assert_user_error(result, "lr" if flag == "--blr" else flag)
        for flags in (["--std", "1e-300,1,1"], ["--mean", "1e300,0,0"], ["--std", "1e300,1,1"]):
            self.assert_user_error(self.train("finetune", *EPOCH, *flags, expect=2), flags[0])

    def test_an_empty_text_in_the_place_of_a_value(self):
        given = ["linprobe", "--data", self.classes, "--out", self.run_directory, *NANO,
                 *EPOCH]
        for flags in (["--init", ""], ["--init="], ["--eval-data", ""], ["--resume", ""]):
            self.assert_user_error(run_program(*given, *flags), flags[0][:6], "empty")
        self.assertFalse(self.run_directory.exists())

    def test_too_little_memory_says_what_to_make_smaller(self):
        libraries = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True).stdout
        if "libasan" in libraries or "libtsan" in libraries:
            self.skipTest("the sanitizers need address space themselves")
        for command, flags, others in (
            (["stats", self.data, "--input_size", 30000], ["--input_size"],
             ["--batch_size", "--model", "--in_chans"]),
            (["stats", self.data, "--in_chans", 10 ** 6], ["--input_size", "--in_chans"], []),
            (["finetune", "--data", self.classes, "--out", self.run_directory, "--model", "huge",
              "--input_size", 32, "--batch_size", 4, "--threads", 1, *EPOCH],
             ["--batch_size", "--input_size", "--model"], ["--in_chans"]),
            (["linprobe", "--data", self.classes, "--out", self.run_directory, "--init",
              self.pretrained / "weights.safetensors", "--input_size", 4096, "--batch_size", 16,
              "--num_workers", 1, "--threads", 1, *EPOCH], ["--batch_size"], []),
        ):
            with self.subTest(command=command[0]):
                result = subprocess.run(
                    ["bash", "-c", 'ulimit -v 4000000; exec "$@"', "bash", PROGRAM,
                     *map(str, command)], capture_output=True, text=True)
                self.assert_user_error(result, "not enough memory", *flags)
                for flag in others:
                    self.assertNotIn(flag, result.stderr.splitlines()[-1])


class RandomEncoder(ResultsTest):
    def test_is_said_by_the_probe_of_one(self):
        result = self.train("linprobe", *EPOCH)
        self.assertIn("without --init the encoder is random", result.stderr)
        result = self.train("linprobe", *EPOCH, "--init", self.pretrained / "weights.safetensors",
                            out=self.folder / "probe")
        self.assertNotIn("random", result.stderr)

    def test_blocks_of_a_deeper_one_are_said_to_be_left_over(self):
        init = self.classifier / "weights.safetensors"
        for depth, said in (((1, 1, 2), True), ((1, 1, 4), False)):
            result = self.train("finetune", *EPOCH, "--init", init, "--depth", *depth,
                                out=self.folder / str(depth[2]))
            self.assertEqual("tensors of blocks that this model does not have" in result.stderr,
                             said, result.stderr)


class OtherHeldOutImages(ResultsTest):
    def test_do_not_decide_which_of_earlier_models_is_the_best(self):
        result = self.train("finetune", *EPOCH, "--epochs", 6, "--lr", 1e-2, "--eval_data",
                            self.classes)
        self.assertEqual(result.returncode, 0)
        before = checkpoints(self.run_directory)
        swapped = self.folder / "swapped"
        for name, other in (("red", "blue"), ("blue", "red")):
            shutil.copytree(self.classes / "val" / name, swapped / other)
        result = run_program("finetune", "--resume", self.run_directory, "--epochs", 7,
                             "--eval_data", swapped)
        self.assertEqual(result.returncode, 0, result.stderr)
        best = (self.run_directory / "checkpoints" / "best.safetensors").resolve()
        self.assertEqual(best, checkpoints(self.run_directory)[-1].resolve())
        self.assertNotIn(best, [path.resolve() for path in before])


class OtherWeights(ResultsTest):
    def published(self):
        return {name: torch.from_numpy(value.copy()) for name, value in
                tensors(self.classifier / "weights.safetensors").items()}

    def inspect(self, path):
        result = run_program("inspect", path, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_are_counted_when_they_are_dropped(self):
        weights = self.published()
        count = len(weights)
        for extra, expected in (
            ({}, f"{count} weights, 0 left out\n"),
            ({"model_ema": weights, "ema": {"shadow": list(weights.values())}, "lr": 0.1},
             f"{count} weights, {2 * count} left out ({count} of model_ema, {count} of ema)\n"),
        ):
            torch.save({"model": weights, **extra}, self.folder / "in.pth")
            for out in ("out.pth", "out.safetensors"):
                result = run_program("convert", self.folder / "in.pth", self.folder / out)
                self.assertTrue(result.stdout.endswith(expected), result.stdout)
        parameter = torch.nn.Parameter(torch.zeros(3))
        optimizer = torch.optim.AdamW([parameter])
        parameter.sum().backward()
        optimizer.step()
        torch.save({"model": {"a": parameter.data}, "optimizer": optimizer.state_dict()},
                   self.folder / "in.pth")
        result = run_program("convert", self.folder / "in.pth", self.folder / "out.pth",
                             "--no_optimizer")
        self.assertTrue(result.stdout.endswith("1 weights, 0 left out, without the optimizer's "
                                               "state\n"), result.stdout)

    def test_are_found_where_others_keep_them(self):
        weights = self.published()
        backbone = {"backbone." + name: value for name, value in weights.items()}
        wrapped = {"module." + name: value for name, value in backbone.items()}
        for entries, location in (
            ({"teacher": backbone, "student": {**backbone, "head.x": torch.zeros(1)}}, "teacher"),
            ({"student": weights}, "student"), ({"ema": weights}, "ema"),
            ({"state_dict_ema": wrapped, "epoch": 3}, "state_dict_ema"),
            ({"state_dict": {"model_ema": weights}}, "state_dict/model_ema"),
        ):
            with self.subTest(location=location):
                path = self.folder / "x.pth"
                torch.save(entries, path)
                report = self.inspect(path)
                self.assertEqual(report["location"], location)
                self.assertEqual(report["tensors"], len(weights))
                self.assertEqual(report["architecture"]["embed_dim"], [48, 96, 192])
                self.assertEqual(report["other_tensors"],
                                 {"student": len(weights) + 1} if "teacher" in entries else {})
                run = self.folder / location.replace("/", "-")
                result = self.train("finetune", "--init", path, *EPOCH, out=run)
                self.assertIn("init: took", result.stderr)
                if "teacher" in entries:
                    self.assertIn("its entry 'teacher' (not 'student')", result.stderr)

    def test_of_a_teacher_in_a_flat_file_come_before_the_students(self):
        weights = tensors(self.classifier / "weights.safetensors")
        both = {f"{who}.{name}": value for who in ("student", "teacher")
                for name, value in weights.items()}
        save_file(both, self.folder / "both.safetensors")
        self.assertEqual(self.inspect(self.folder / "both.safetensors")["architecture"]["prefix"],
                         "teacher.")

    def test_in_several_files_are_told_by_their_index(self):
        for ending in ("model.safetensors", "pytorch_model.bin"):
            stem, kind = ending.split(".")
            index = self.folder / (ending + ".index.json")
            index.write_text(json.dumps(
                {"metadata": {"total_size": 8},
                 "weight_map": {"a": f"{stem}-00001-of-00002.{kind}",
                                "b": f"{stem}-00002-of-00002.{kind}"}}, indent=2))
            for command in (["inspect", index], ["convert", index, self.folder / "o.pth"],
                            ["knn", "--checkpoint", index, "--data", self.classes],
                            ["finetune", "--init", index, "--data", self.classes, "--out", "x",
                             *NANO]):
                self.assert_user_error(run_program(*command, cwd=self.folder),
                                       "index of a checkpoint in several files",
                                       f"{stem}-00001-of-00002.{kind}")


class ManyClasses(ResultsTest):
    def test_are_evaluated_without_a_table_of_confusions(self):
        def widen(values):
            values["head.weight"] = np.zeros((5001, 192), np.float32)
            values["head.bias"] = np.arange(5001, dtype=np.float32)
        wide = spoil(self.classifier / "weights.safetensors", self.folder / "wide", widen)
        out = self.folder / "eval"
        run_program("eval", "--checkpoint", self.classifier, "--data", self.classes, "--out", out)
        self.assertTrue((out / "confusion.csv").exists())
        listed = self.folder / "list.csv"
        listed.write_text("".join(f"{path},{label}\n" for label, name in enumerate(("blue", "red"))
                                  for path in sorted((self.classes / "val" / name).iterdir())))
        result = run_program("eval", "--checkpoint", wide, "--data", listed, "--out", out)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("without confusion.csv", result.stdout)
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["eval.json"])


if __name__ == "__main__":
    unittest.main()
