"""Names are any bytes: whatever is in them, output stays lines of plain text, and files stay files."""

import argparse
import csv
import io
import json
import os
import shutil
import subprocess
import tarfile
import tomllib
import unicodedata
import unittest

import torch
from PIL import Image
from safetensors import safe_open

from program import TINY, TINY_CLASSIFIER, ProgramTest, checkpoints, run_program, steps, write_classes

# Bytes that are not UTF-8, what a terminal obeys, what turns text around, and text that must stay.
NOT_UTF8 = b"caf\xe9 \x9b31m \xc0\xaf"
OBEYED = b"\x1b[31mred\x1b[0m \r\t\x7f \xc2\x9b31m \nconvmae: error: forged"
TURNED = "\u202egnp.cat \u2028".encode()
PLAIN = "漢字 😀 'é'".encode()
NAME = os.fsdecode(b"_".join([NOT_UTF8, OBEYED, TURNED, PLAIN]))
OBEYED_MARKS = "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


class TextTest(ProgramTest):
    def assert_plain(self, text):
        """Lines of text, without anything that a terminal obeys. That it is UTF-8 is already known:
        it has been decoded."""
        for letter in text:
            self.assertFalse(letter != "\n" and unicodedata.category(letter) in ("Cc", "Cs")
                             or letter in OBEYED_MARKS, repr(text))

    def run_plain(self, *arguments, expect=0):
        result = run_program(*arguments)
        self.assertEqual(result.returncode, expect, result.stderr)
        self.assert_plain(result.stdout)
        self.assert_plain(result.stderr)
        self.assertNotIn("\nconvmae: error: forged", result.stdout + result.stderr)
        return result

    def refuse(self, *arguments):
        result = self.run_plain(*arguments, expect=2)
        self.assert_user_error(result)
        for line in result.stderr.splitlines()[:-1]:  # what a source holds is said before
            self.assertRegex(line, "^convmae: .* of [0-9,]+ images? ")
        return result.stderr

    def named(self, *names):
        """A folder of that name with the images in it."""
        folder = self.folder.joinpath(*names)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.data, folder)
        return folder


class TrainingText(TextTest):
    def test_a_run_of_any_name_on_a_folder_of_any_name(self):
        data, run, again = self.named(NAME), self.folder / ("run" + NAME), self.folder / "again"
        self.run_plain("pretrain", "--data", data, "--out", run, *TINY, "--batch_size", 5,
                       "--epochs", 1)
        config = run / "config.toml"
        text = config.read_bytes().decode()
        self.assert_plain(text)
        self.assertIn("data = { bytes = ", text)
        header = json.loads((run / "log.txt").read_bytes().decode().splitlines()[0])
        self.assertIn("caf\\xe9", header["data"])
        self.assert_plain((run / "report.html").read_bytes().decode().replace("\t", " "))

        self.run_plain("pretrain", "--config", config, "--out", again)
        self.assertEqual(steps(again), steps(run))
        self.assertEqual((again / "config.toml").read_bytes(), config.read_bytes())
        resumed = self.run_plain("pretrain", "--resume", run, "--epochs", 2)
        self.assertIn("continues ", resumed.stderr)
        self.assertEqual(len(steps(run)), 2 * len(steps(again)))
        with safe_open(checkpoints(run)[-1], "np") as file:
            provenance = json.loads(file.metadata()["convmae.provenance"])
        self.assertEqual(provenance["data"], header["data"])
        self.run_plain("compare", run, again, "--out", self.folder / (NAME + ".html"))
        self.run_plain("compare", run, "--out", self.folder / "runs.html", "--title", NAME)
        (self.folder / "runs.html").read_bytes().decode()

    def test_a_configuration_says_any_text(self):
        for number, name in enumerate(
                ["plain", "it's", "back\\slash", "line\nfeed '''\"\"\"", "\u202e", os.fsdecode(b"\\\xe9")]):
            data, run = self.named(str(number), name), self.folder / f"run{number}"
            self.run_plain("pretrain", "--data", data, "--out", run, *TINY, "--batch_size", 20,
                           "--epochs", 1)
            written = tomllib.loads((run / "config.toml").read_text())["data"]
            if isinstance(written, str):
                self.assertEqual(written, str(data))
            self.run_plain("pretrain", "--config", run / "config.toml", "--out", run / "again")

    def test_what_a_configuration_has_for_bytes(self):
        config = self.folder / "c.toml"
        flags = ["pretrain", "--config", config, "--out", self.run_directory]
        for value, fragment in (
                (r"{ bytes = 'a\q' }", "\\q"), (r"{ bytes = 'a\x4' }", "\\x4"),
                (r"{ bytes = 3 }", "a table"), (r"{ bytes = 'a', more = 1 }", "a table"),
                ("\"\\u001b[31m\\u202e\"", "\\x1b[31m\\u{202e}")):
            config.write_text(f"data = {value}\n")
            self.assertIn(fragment, self.refuse(*flags))

    def test_classes_of_any_name(self):
        data, run = self.folder / "data", self.run_directory
        names = [os.fsencode(NAME), b"caf\xe8", b"caf\xe9"]  # the last two must stay two
        for split, count in (("train", 6), ("val", 3)):
            write_classes(data / split, count, [os.fsdecode(name) for name in names])
        trained = self.run_plain("finetune", "--data", data, "--eval_data", data, "--out", run,
                                 *TINY_CLASSIFIER, "--epochs", 1, "--warmup_epochs", 0)
        self.assertIn("held-out", trained.stderr)
        self.run_plain("finetune", "--resume", run, "--epochs", 2)
        out = self.folder / ("out" + NAME)
        shown = self.run_plain("eval", "--checkpoint", run, "--data", data, "--per_class",
                               "--out", out).stdout.splitlines()
        self.assertEqual([line.split("%")[-1].strip() for line in shown[-4:-2]],
                         ["caf\\xe8", "caf\\xe9"])
        rows = list(csv.reader(io.StringIO((out / "confusion.csv").read_bytes().decode(),
                                           newline="")))
        self.assertEqual(len({tuple(row) for row in rows}), 4)
        classes = json.loads((out / "eval.json").read_bytes().decode())["classes"]
        self.assertEqual([entry["name"] for entry in classes], rows[0][1:])
        image = next((data / "val" / os.fsdecode(b"caf\xe9")).iterdir())
        self.assertIn("caf\\xe9/", self.run_plain("predict", "--checkpoint", run, image).stdout)
        json.loads(self.run_plain("predict", "--checkpoint", run, "--json", image).stdout)

    def test_a_bad_image_of_any_name_is_told_once(self):
        data = self.named("images")
        (data / (NAME + ".png")).write_bytes(b"no image")
        result = self.run_plain("pretrain", "--data", data, "--out", self.run_directory, *TINY,
                                "--batch_size", 7, "--epochs", 1)
        self.assertEqual(result.stderr.count("warning: replaced"), 1)
        listed = (self.run_directory / "bad_samples.jsonl").read_bytes().decode().splitlines()
        self.assertEqual(len(listed), 1)
        self.assertIn("caf\\xe9", json.loads(listed[0])["name"])
        resumed = self.run_plain("pretrain", "--resume", self.run_directory, "--epochs", 2)
        self.assertNotIn("warning: replaced", resumed.stderr)
        strict = self.run_plain("pretrain", "--data", data, "--out", self.folder / "strict", *TINY,
                                "--batch_size", 7, "--epochs", 1, "--on_bad_sample", "error",
                                expect=2)
        self.assert_user_error(strict, "caf\\xe9")


class UsedText(TextTest):
    def setUp(self):
        super().setUp()
        self.pretrain("--batch_size", 10, "--epochs", 1)

    def test_features_of_images_of_any_name(self):
        data, out = self.named(NAME), self.folder / (NAME + ".safetensors")
        self.run_plain("features", "--checkpoint", self.run_directory, "--data", data, "--out", out)
        with safe_open(out, "np") as file:
            self.assertIn("caf\\xe9", file.metadata()["images"])
        rows = list(csv.reader(io.StringIO(out.with_suffix(".csv").read_bytes().decode(),
                                           newline="")))
        self.assertEqual(len(rows), 1 + self.IMAGES)
        self.assertIn("caf\\xe9", rows[1][0])
        self.assertIn(OBEYED.split(b"\n")[0].decode(), rows[1][0])
        self.run_plain("stats", data)
        picture = self.folder / (NAME + ".png")
        self.run_plain("reconstruct", "--checkpoint", self.run_directory, "--out", picture,
                       next(data.iterdir()))
        Image.open(picture).verify()

    def test_neighbours_in_folders_of_any_name(self):
        data = self.folder / NAME
        write_classes(data, 4, ["a", NAME])
        flags = ["knn", "--checkpoint", self.run_directory, "--data", data, "--k", 2]
        self.assertIn("caf\\xe9", self.run_plain(*flags).stdout)
        self.assertIn("caf", json.loads(self.run_plain(*flags, "--json").stdout)["images"])
        other = self.folder / "other"
        write_classes(other, 2, [NAME + "1", NAME + "2"])
        self.assertIn("caf\\xe9", self.refuse(*flags, "--eval_data", other))

    def test_weights_of_any_name(self):
        weights = self.folder / (NAME + ".safetensors")
        shutil.copy(self.run_directory / "weights.safetensors", weights)
        self.assertIn("caf\\xe9", self.run_plain("inspect", weights).stdout)
        self.assertIn("caf", json.loads(self.run_plain("inspect", "--json", weights).stdout)["file"])
        converted = weights.with_suffix(".pth")
        self.run_plain("convert", weights, converted)
        self.run_plain("pretrain", "--init", converted, "--data", self.data, "--out",
                       self.folder / "next", *TINY, "--batch_size", 20, "--epochs", 1)

    def test_advice_can_be_pasted_whatever_the_name(self):
        run = self.folder / NAME
        shutil.copytree(self.run_directory, run)
        told = self.refuse("pretrain", "--data", self.data, "--out", run, *TINY, "--batch_size", 10)
        word = told.split("--resume ")[1].split(", delete it")[0]
        meant = subprocess.run(["bash", "-c", "printf %s " + word], capture_output=True, check=True)
        self.assertEqual(meant.stdout, os.fsencode(run))


class StoredText(TextTest):
    def convert(self, content):
        source, target = self.folder / "source.pth", self.folder / "target.safetensors"
        torch.save(content, source)
        self.run_plain("inspect", source)
        json.loads(self.run_plain("inspect", "--json", source).stdout)
        self.run_plain("convert", source, target)
        json.loads(self.run_plain("inspect", "--json", target).stdout)
        self.run_plain("convert", source, self.folder / "copy.pth")
        return target

    def test_keys_that_are_no_text(self):
        tensor = torch.ones(2)
        target = self.convert({"model": {"w\ud800": tensor, "w\ud801": tensor * 2, "w": tensor}})
        with safe_open(target, "np") as file:
            self.assertEqual(len(list(file.keys())), 3)
        self.assertEqual(len(torch.load(self.folder / "copy.pth", weights_only=True)["model"]), 3)

    def test_text_that_is_cut_inside_a_character(self):
        for letters in ("x" + "é" * 600, "xx" + "漢" * 600, "x" + "😀" * 600):
            arguments = argparse.Namespace(note=letters)
            target = self.convert({"model": {"w": torch.ones(2)}, "args": arguments})
            with safe_open(target, "np") as file:
                noted = json.loads(file.metadata()["convmae.arguments"])["note"]
            self.assertTrue(noted.endswith(letters[-1] + "..."), noted)

    def test_text_that_a_terminal_obeys(self):
        text = "\x1b]0;title\x07\u202e\x7f\u009b31m\nconvmae: error: forged"
        arguments = argparse.Namespace(**{"note": text, "lone": "\udce9", text: text})
        self.convert({"model": {text: torch.ones(2)}, "args": arguments})


class RefusedText(TextTest):
    def test_the_end_of_a_long_path_is_told(self):
        deep = self.folder.joinpath(*["directory" * 20] * 5)
        name = "n" * 240 + ".png"
        for command in (["predict", "--checkpoint"], ["inspect"], ["stats"],
                        ["pretrain", *TINY, "--out", self.run_directory, "--data"]):
            arguments = [*command, deep / name]
            if command[0] == "predict":
                arguments.append("image.png")
            told = self.refuse(*arguments)
            self.assertIn("..", told)
            self.assertIn("/" + name, told)

    def test_arguments_of_any_bytes(self):
        for arguments in (
                [NAME], ["pretrain", "--" + NAME], ["info", NAME], ["info", "--depth", NAME],
                ["pretrain", "--data", self.folder / NAME, "--out", self.run_directory, *TINY],
                ["pretrain", "--data", self.data, "--out", self.run_directory, *TINY, "--method", NAME],
                ["pretrain", "--data", self.data, "--out", self.run_directory, *TINY,
                 "--on_bad_sample", NAME],
                ["pretrain", "--config", self.folder / NAME, "--out", self.run_directory],
                ["pretrain", "--resume", self.folder / NAME],
                ["finetune", "--data", self.data, "--init", self.folder / NAME, "--out", "x"],
                ["predict", "--checkpoint", self.folder / NAME, "a.png"],
                ["convert", self.folder / NAME, "a.pth"], ["convert", "a.pth", NAME],
                ["convert", "a.pth", "b.pth", "--dtype", NAME], ["inspect", self.folder / NAME],
                ["bench", "data", "--augment", NAME], ["stats", self.folder / NAME],
                ["stats", self.data, "--in_chans", NAME], ["compare", self.folder / NAME]):
            self.refuse(*arguments)

    def test_a_configuration_of_any_bytes(self):
        config = self.folder / "c.toml"
        for content in (b"data = 'caf\xe9'", b"data = \x1b", b"\"a\\u001b\" = 1", b"epochs = '\\u202e'",
                        b"a = 1\na = 2 # \xe2\x80\xae", b"'" + b"k" * 100000 + b"' = 1",
                        b"epochs = '" + b"9" * 100000 + b"'"):
            config.write_bytes(content)
            told = self.refuse("pretrain", "--config", config, "--out", self.run_directory)
            self.assertLess(len(told), 25000)

    def test_data_of_any_name(self):
        listed = self.folder / (NAME + ".txt")
        missing = NOT_UTF8 + b"\x1b[31m.png"
        for content in (missing, missing + b",a\n" + missing, b"\0"):
            listed.write_bytes(content)
            self.refuse("stats", listed)
        empty = self.folder / NAME / "empty"
        empty.mkdir(parents=True)
        self.refuse("stats", empty)
        (empty / "train-images-idx3-ubyte").write_bytes(b"none")
        self.refuse("stats", empty)

    def test_members_of_an_archive_of_any_name(self):
        archive = self.folder / (NAME + ".tar")
        with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
            for number in range(3):
                member = tarfile.TarInfo(f"{number}{NAME}.png")
                member.size = 4
                tar.addfile(member, io.BytesIO(b"none"))
        self.refuse("stats", archive)
        archive.write_bytes(b"x" * 2000)
        self.refuse("stats", archive)


if __name__ == "__main__":
    unittest.main()
