"""Classes of data and of classifiers are the same if their names are."""

import csv
import io
import json
import shutil
import tarfile
import unicodedata

import torch
from safetensors.torch import load_file

from program import TINY_CLASSIFIER, ProgramTest, metadata_of, run_program, write_classes

NUMBERS = [str(number) for number in range(12)]
ONE_EPOCH = ["--epochs", 1, "--warmup_epochs", 0]


def write_list(path, folders, **labels):
    """A list of the images in class folders, with their names or others as labels."""
    path.write_text("".join(f"{image},{labels.get(folder.name, folder.name)}\n"
                            for folder in sorted(folders.iterdir())
                            for image in sorted(folder.iterdir())))
    return path


def write_shard(path, folders, member):
    """A shard with the images in class folders; `member` gives a label's ending and its text."""
    with tarfile.open(path, "w") as tar:
        for image in sorted(folders.glob("*/*")):
            key = f"{image.parent.name}_{image.stem}"
            ending, text = member(image.parent.name)
            for name, data in ((key + image.suffix, image.read_bytes()),
                               (f"{key}.{ending}", text.encode())):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


class ClassesTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.twelve = cls.scratch / "twelve"
        write_classes(cls.twelve, 2, NUMBERS)
        cls.letters = cls.scratch / "letters"
        write_classes(cls.letters, 4, "abcde")
        cls.numbered = cls.trained("numbered", write_list(cls.scratch / "twelve.csv", cls.twelve))
        cls.named = cls.trained("named", cls.letters)
        cls.weights = cls.scratch / "published.pth"
        torch.save({"model": load_file(cls.numbered / "weights.safetensors")}, cls.weights)

    @classmethod
    def trained(cls, name, data):
        run = cls.scratch / name
        result = run_program("finetune", "--data", data, "--out", run, "--model", "nano", "--depth",
                             1, 0, 1, "--input_size", 32, "--batch_size", 4, "--threads", 1,
                             "--lr", 0.01, *ONE_EPOCH)
        assert result.returncode == 0, result.stderr
        return run

    def renamed(self, folders, name, new_name):
        """A copy of class folders under other names."""
        copy = self.folder / name
        for folder in folders.iterdir():
            shutil.copytree(folder, copy / new_name(folder.name))
        return copy

    def evaluate(self, checkpoint, data):
        """What eval measures, the names that it gives the classes, and what it says beside."""
        out = self.folder / "evaluation"
        result = run_program("eval", "--checkpoint", checkpoint, "--data", data, "--threads", 1,
                             "--out", out)
        self.assertEqual(result.returncode, 0, result.stderr)
        classes = json.loads((out / "eval.json").read_text())["classes"]
        return result.stdout.splitlines()[1], [c["name"] for c in classes], result.stderr

    def refused(self, checkpoint, data, *fragments):
        self.assert_user_error(
            run_program("eval", "--checkpoint", checkpoint, "--data", data, "--threads", 1),
            *fragments)


class NumbersAndNames(ClassesTest):
    def test_a_folder_named_by_a_number_is_the_class_of_that_number(self):
        measured, names, _ = self.evaluate(self.numbered, self.scratch / "twelve.csv")
        self.assertEqual(names, NUMBERS)
        for data in (self.twelve, self.renamed(self.twelve, "padded", lambda name: name.zfill(3))):
            for checkpoint in (self.numbered, self.weights):
                with self.subTest(data=data.name, checkpoint=checkpoint.name):
                    again, names, said = self.evaluate(checkpoint, data)
                    self.assertEqual(again, measured)
                    self.assertEqual(names, NUMBERS)
                    self.assertEqual("guessed: class '" in said, checkpoint == self.weights)
        folders = self.trained("folders", self.twelve)
        measured, names, _ = self.evaluate(folders, self.twelve)
        self.assertEqual(names, sorted(NUMBERS), "as torchvision's ImageFolder has them")
        floats = write_list(self.folder / "floats.csv", self.twelve,
                            **{name: f"{name}.0" for name in NUMBERS})
        self.assertEqual(self.evaluate(folders, floats)[:2], (measured, names))

    def test_some_of_the_numbers_are_those(self):
        some = self.folder / "some"
        for name in ("10", "3"):
            shutil.copytree(self.twelve / name, some / name)
        for checkpoint in (self.numbered, self.weights):
            _, names, said = self.evaluate(checkpoint, some)
            self.assertIn("--data has no image of 10 of the 12 classes: '0', '1', '2', '4' and 6 "
                          "more", said)
            found = json.loads((self.folder / "evaluation" / "eval.json").read_text())["classes"]
            self.assertEqual([c["name"] for c in found if c["images"] > 0], ["3", "10"])

    def test_names_opposite_numbers_are_a_guess_that_is_said(self):
        words = self.renamed(self.twelve, "words", lambda name: f"n{name.zfill(2)}")
        pairs = "guessed: class 0 is 'n00' ... class 11 is 'n11', in sorted order, because the "
        measured, _, _ = self.evaluate(self.numbered, self.twelve)
        for checkpoint, reason in ((self.numbered, "classifier's classes are numbers"),
                                   (self.weights, "weights name no classes")):
            again, names, said = self.evaluate(checkpoint, words)
            self.assertEqual((again, names), (measured, [f"n{k:02}" for k in range(12)]))
            self.assertIn(pairs + reason, said)
        shutil.rmtree(words / "n07")  # no longer as many
        self.refused(self.numbered, words, "11 classes 'n00', 'n01', 'n02', 'n03' and 7 more",
                     "none of the 12 classes of training ('0', '1', '2', '3' and 8 more)")
        self.refused(self.weights, words, "do not name them", "'PATH,NUMBER'")

    def test_a_mixture_of_numbers_and_names_is_no_guess(self):
        mixed = self.renamed(self.twelve, "mixed", lambda n: "background" if n == "7" else n)
        self.refused(self.numbered, mixed, "the class 'background', which is none of the 12")
        self.refused(self.named, self.twelve, "12 classes '0', '1', '10', '11' and 8 more")

    def test_numbers_that_begin_at_one_are_not_those_that_begin_at_zero(self):
        later = self.renamed(self.twelve, "later", lambda name: str(int(name) + 1))
        self.refused(self.numbered, later, "the class '12'", "begin at 1, those of training at 0")

    def test_predict_says_the_names(self):
        image = next(self.letters.glob("b/*"))
        result = run_program("predict", "--checkpoint", self.named, "--json", image)
        guesses = json.loads(result.stdout)[0]["classes"]
        self.assertEqual({g["name"]: g["number"] for g in guesses}, dict(zip("abcde", range(5))))


class NearMisses(ClassesTest):
    def test_the_name_that_may_be_meant_is_said(self):
        for number, (name, meant, difference) in enumerate((
            ("A", "a", "letter case"), ("a ", "a", "blanks"), ("e\u0301", "\xe9", "NFC or NFD"),
            ("golden_retriever", "golden retriever", "blanks, hyphens or underscores"),
            ("\u1112\u1161\u11ab", "\ud55c", "NFC or NFD"),
        )):
            with self.subTest(name=name):
                train = self.renamed(self.letters, f"t{number}", lambda n: meant if n == "a" else n)
                data = self.renamed(self.letters, f"v{number}", lambda n: name if n == "a" else n)
                result = run_program("finetune", "--data", train, "--eval_data", data, "--out",
                                     self.run_directory, *TINY_CLASSIFIER, *ONE_EPOCH)
                self.assert_user_error(result, "--eval_data has the class '" + name,
                                       f"'{name}' and '{meant}' differ in", difference)
        self.assertEqual(unicodedata.normalize("NFC", "\u1112\u1161\u11ab"), "\ud55c")

    def test_classes_that_are_alike_are_two_and_said(self):
        labels = dict(a="Cat", b="cat", c="-1", d="0", e="1")
        path = write_list(self.folder / "list.csv", self.letters, **labels)
        result = run_program("linprobe", "--data", path, "--out", self.run_directory, *TINY_CLASSIFIER,
                             *ONE_EPOCH)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("the classes 'Cat' and 'cat' differ in letter case alone: each is a class of "
                      "its own", result.stderr)
        self.assertIn("the class '-1' is one like the others", result.stderr)
        task = json.loads(metadata_of(self.run_directory / "weights.safetensors")["convmae.task"])
        self.assertEqual(task["classes"], ["-1", "0", "1", "Cat", "cat"])


class Overlap(ClassesTest):
    def setUp(self):
        super().setUp()
        self.fewer = self.folder / "fewer"
        for name in "abc":
            shutil.copytree(self.letters / name, self.fewer / name)
        self.others = self.folder / "others"
        shutil.copytree(self.fewer, self.others)
        shutil.copytree(self.letters / "e", self.others / "z")

    LEFT_OUT = "left out, of the class 'z', which training does not have"
    MISSING = "has no image of 2 of the 5 classes: 'd' and 'e'"

    def knn(self, data):
        return run_program("knn", "--checkpoint", self.named, "--data", self.letters, "--eval_data",
                           data, "--k", 3, "--json", "--threads", 1)

    def test_knn_leaves_out_what_training_does_not_have(self):
        fewer, others = self.knn(self.fewer), self.knn(self.others)
        self.assertEqual((fewer.returncode, others.returncode), (0, 0), others.stderr)
        self.assertEqual(json.loads(others.stdout)["scores"], json.loads(fewer.stdout)["scores"])
        self.assertIn("12 images in 3 classes", json.loads(fewer.stdout)["queries"])
        self.assertIn("16 images in 4 classes, 4 left out", json.loads(others.stdout)["queries"])
        self.assertIn("warning: 4 images of the held-out data " + self.LEFT_OUT, others.stderr)
        for result in (fewer, others):
            self.assertIn(self.MISSING, result.stderr)

    def test_linprobe_too(self):
        measured = []
        for cached in ([], ["--features_cached"]):
            for data in (self.fewer, self.others):
                run = self.folder / f"run-{len(measured)}"
                result = run_program("linprobe", "--data", self.letters, "--eval_data", data,
                                     "--out", run, *TINY_CLASSIFIER, *ONE_EPOCH, *cached)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(self.LEFT_OUT in result.stderr, data == self.others)
                self.assertIn(self.MISSING, result.stderr)
                header = json.loads((run / "log.txt").read_text().splitlines()[0])
                measured.append(header["val"])
        self.assertEqual(measured[0]["test_images"], 12)
        self.assertEqual(measured[:1] * 4, measured)

    def test_nothing_in_common_is_refused(self):
        data = self.renamed(self.fewer, "strange", lambda name: f"the {name}")
        self.assert_user_error(self.knn(data), "3 classes 'the a', 'the b' and 'the c'",
                               "none of the 5 classes of training ('a', 'b', 'c', 'd' and 'e')")

    def test_fine_tuning_and_evaluation_ask_for_the_same_classes(self):
        self.refused(self.named, self.others, "the class 'z', which is none of the 5 classes")
        result = run_program("finetune", "--data", self.letters, "--eval_data", self.others, "--out",
                             self.run_directory, *TINY_CLASSIFIER, *ONE_EPOCH)
        self.assert_user_error(result, "--eval_data has the class 'z'")
        self.assertIn(self.MISSING, self.evaluate(self.named, self.fewer)[2])


class Shards(ClassesTest):
    def classes(self, name, member):
        """The classes that features are written with, for one image of each folder."""
        shard = write_shard(self.folder / f"{name}.tar", self.letters, member)
        out = self.folder / f"{name}.safetensors"
        result = run_program("features", "--checkpoint", self.named, "--data", shard, "--out", out,
                             "--threads", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(out.with_suffix(".csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        return json.loads(metadata_of(out)["classes"]), [row["label"] for row in rows[::4]]

    def test_labels_name_classes_whatever_their_kind(self):
        labels = dict(zip("abcde", ["10", "9", "-1", "9223372036854775807", "3"]))
        ordered = ["-1", "3", "9", "10", "9223372036854775807"]
        for name, member in (
            ("cls", lambda c: ("cls", labels[c] + "\n")),
            ("json", lambda c: ("json", f'{{"label": {labels[c]}}}')),
            ("text", lambda c: ("json", f'{{"label": "{labels[c].zfill(4)}"}}')),
        ):
            with self.subTest(name=name):
                self.assertEqual(self.classes(name, member), (ordered, list(labels.values())))
        floats = self.classes("floats", lambda c: ("json", f'{{"label": {ord(c)}.0}}'))
        self.assertEqual(floats[1], ["97", "98", "99", "100", "101"])
        truths = self.classes("truths", lambda c: ("json", f'{{"cls": {json.dumps(c > "b")}}}'))
        self.assertEqual(truths[0], ["false", "true"])

    def test_names_in_shards_are_the_classes_of_that_name(self):
        expected = self.evaluate(self.named, self.letters)[:2]
        for member in (lambda c: ("cls", c), lambda c: ("json", f'{{"label": " {c}"}}')):
            shard = write_shard(self.folder / "s.tar", self.letters, member)
            self.assertEqual(self.evaluate(self.named, shard)[:2], expected)


class Heads(ClassesTest):
    def untrained(self, init, data):
        result = run_program("finetune", "--data", data, "--eval_data", data, "--init", init, "--out",
                             self.run_directory, "--overwrite", "--batch_size", 4, "--threads", 1,
                             *ONE_EPOCH)
        self.assertEqual(result.returncode, 0, result.stderr)
        header = json.loads((self.run_directory / "log.txt").read_text().splitlines()[0])
        return header["val"]["test_loss"], result.stderr

    def test_a_head_is_taken_by_the_names_of_its_classes(self):
        expected, said = self.untrained(self.numbered / "weights.safetensors",
                                        self.scratch / "twelve.csv")
        self.assertNotIn("new: head.weight", said)
        for init in (self.numbered / "weights.safetensors", self.weights):
            found, _ = self.untrained(init, self.twelve)
            self.assertAlmostEqual(found, expected, places=5)
        words = self.renamed(self.twelve, "words", lambda name: f"n{name.zfill(2)}")
        found, said = self.untrained(self.weights, words)
        self.assertAlmostEqual(found, expected, places=5)
        self.assertIn("guessed of its head: class 0 is 'n00' ... class 11 is 'n11', in sorted order, "
                      "because the file names no classes", said)

    def test_a_head_for_other_classes_stays_new(self):
        others = self.renamed(self.letters, "others", lambda name: f"the {name}")
        _, said = self.untrained(self.named / "weights.safetensors", others)
        self.assertIn("its head is for other classes: 'a', 'b', 'c', 'd' and 'e'; new: head.weight; "
                      "new: head.bias", said)
