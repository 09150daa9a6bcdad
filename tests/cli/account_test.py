"""Every command that reads images says first, in one line for each source, what it found and what it left out."""

import io
import json
import shutil
import tarfile
import unittest

from program import DRAWS, TINY, TINY_CLASSIFIER, ProgramTest, run_program, write_classes

CLASSIFIER = [*TINY_CLASSIFIER, "--depth", 1, 1, 1, "--epochs", 1, "--warmup_epochs", 0]
LEFT_OUT = ("; left out: 1 hidden file (._000.png), 2 files of other kinds (.bmp, .txt), "
            "1 empty class (unknown)")


def opening(result):
    """The lines before anything else is said that begin as those of a source do."""
    return [line for line in result.stderr.splitlines() if " images " in line and " of " in line
            and line.startswith("convmae: ") and "error:" not in line]


class Account(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.classes = cls.scratch / "classes"
        for split, count in (("train", 6), ("val", 3)):
            folder = cls.classes / split
            write_classes(folder, count)
            (folder / "red" / "000.png").rename(folder / "red" / "000.jfif")
            (folder / "red" / "old.bmp").write_bytes(b"BM")
            (folder / "red" / "notes.txt").write_text("none")
            (folder / "red" / "._000.png").write_bytes(b"\0\5\26\7")
            (folder / "unknown").mkdir()
        names = sorted(path.name for path in (cls.classes / "train").iterdir())
        cls.count = len(names) - 1
        cls.pretrained = cls.scratch / "pretrained"
        result = run_program("pretrain", "--data", cls.data, "--out", cls.pretrained, *TINY,
                             "--epochs", 1, "--batch_size", 4, "--threads", 1)
        assert result.returncode == 0, result.stderr

    def line(self, split, count):
        return (f"convmae: {self.classes / split}: folder of {count * self.count} images in "
                f"{self.count} classes{LEFT_OUT}")

    def test_training_commands_say_it_of_training_and_held_out_images(self):
        both = [self.line("train", 6), self.line("val", 3)]
        data = ["--data", self.classes, "--eval_data", self.classes]
        for command in (["pretrain", *TINY, "--epochs", 1, "--batch_size", 4],
                        ["finetune", *CLASSIFIER], ["linprobe", *CLASSIFIER]):
            with self.subTest(command=command[0]):
                out = self.folder / command[0]
                result = run_program(*command, *data, "--out", out,
                                     *(["--init", self.pretrained / "weights.safetensors"]
                                       if command[0] == "linprobe" else []))
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(result.stderr.splitlines()[:2], both)
                self.assertEqual(result.stderr.count("folder of"), 2)
                header = json.loads((out / "log.txt").read_text().splitlines()[0])
                self.assertEqual("convmae: " + header["data"], both[0])

    def test_commands_that_only_look_say_it_too(self):
        model = ["--checkpoint", self.pretrained, "--threads", 1, "--data", self.classes]
        train, val = self.line("train", 6), self.line("val", 3)
        for command, expected in (
                (["stats", self.classes, "--input_size", 32], [train]),
                (["stats", self.classes, "--input_size", 32, "--json"], [train]),
                (["features", *model, "--out", self.folder / "f.npy"], [train]),
                (["features", *model, "--split", "val", "--out", self.folder / "g.npy"], [val]),
                (["knn", *model], [train, val]),
                (["knn", *model[:-1], self.classes / "val"], [val]),
                (["bench", "data", "--data", self.classes, "--images", 4], [train])):
            with self.subTest(command=command):
                result = run_program(*command)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(opening(result), expected)

    def test_it_is_said_before_an_error_about_the_images(self):
        result = run_program("finetune", "--data", self.data, "--out", self.run_directory,
                             *CLASSIFIER)
        self.assert_user_error(result, "without classes")
        self.assertEqual(opening(result),
                         [f"convmae: {self.data}: folder of {self.IMAGES} images without labels"])


class PartlyLabelled(ProgramTest):
    def half(self, name="half.tar"):
        """Of twelve images the first six have a label."""
        images = sorted(self.data.iterdir())[:12]
        with tarfile.open(self.folder / name, "w") as tar:
            for number, image in enumerate(images):
                tar.add(image, f"{image.stem}.png")
                if number < 6:
                    member = tarfile.TarInfo(f"{image.stem}.cls")
                    member.size = 1
                    tar.addfile(member, io.BytesIO(str(number % 2).encode()))
        rows = [f"{image},{number % 2}" if number < 6 else f"{image},"
                for number, image in enumerate(images)]
        (self.folder / "half.csv").write_text("\n".join(rows) + "\n")
        return self.folder / name, self.folder / "half.csv"

    def test_they_serve_where_no_labels_are_needed(self):
        for number, half in enumerate(self.half()):
            said = "of 12 images in 2 classes, 6 with a label, 6 without\n"
            run = self.folder / f"run{number}"
            result = run_program("pretrain", "--data", half, "--out", run, *TINY, "--epochs", 1,
                                 "--batch_size", 4)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(said, result.stderr)
            for command in (["stats", half, "--input_size", 32],
                            ["features", "--checkpoint", run, "--threads", 1, "--data", half,
                             "--out", self.folder / f"{number}.npy"]):
                result = run_program(*command)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(said, result.stderr)

    def test_where_labels_are_needed_they_are_an_error_or_left_out_as_asked(self):
        for number, half in enumerate(self.half()):
            run = self.folder / f"run{number}"
            training = ["finetune", "--data", half, "--out", run, *CLASSIFIER]
            self.assert_user_error(run_program(*training),
                                   "--data has 6 of 12 images without a label, such as ",
                                   "--max_bad_share")
            result = run_program(*training, "--max_bad_share", 0.5)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("of 6 images in 2 classes; left out: 6 images without a label\n",
                          result.stderr)
            evaluation = ["eval", "--checkpoint", run, "--threads", 1, "--data", half]
            self.assert_user_error(run_program(*evaluation), "6 of 12 images without a label",
                                   "--on_bad_sample skip")
            result = run_program(*evaluation, "--on_bad_sample", "skip")
            self.assertEqual(result.returncode, 0, result.stderr)


class Places(ProgramTest):
    @unittest.skipUnless(DRAWS, "this build draws no pictures")
    def test_what_a_run_draws_into_its_data_is_no_data(self):
        data = self.folder / "images"
        shutil.copytree(self.data, data)
        arguments = ["--data", data, *TINY, "--epochs", 1, "--batch_size", 4, "--panel_images", 2]
        for number, out in enumerate((data / "runs" / "first", data / "runs" / "second", data)):
            result = run_program("pretrain", *arguments, "--out", out)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertTrue(list(out.glob("panels/*.png")))
        result = run_program("stats", data, "--input_size", 32)
        self.assertIn(f"folder of {self.IMAGES} images without labels; left out: ", result.stderr)
        self.assertIn("3 directories of runs", result.stderr)

    def test_a_tar_of_a_folder_is_the_folder(self):
        data = self.folder / "vehicles"
        for name, count in (("bus", 2), ("car", 3), ("train", 4)):
            shutil.copytree(self.data, data / name)
            for path in sorted((data / name).iterdir())[count:]:
                path.unlink()
            (data / name / "._000.png").write_bytes(b"\0\5\26\7")
        with tarfile.open(self.folder / "vehicles.tar", "w") as tar:
            tar.add(data, "vehicles")
        both = [run_program("stats", path, "--input_size", 32)
                for path in (data, self.folder / "vehicles.tar")]
        for result in both:
            self.assertIn(" of 9 images in 3 classes; train is taken as a class, as others lie "
                          "beside it; left out: 3 hidden files (._000.png)\n",
                          result.stderr)
        self.assertEqual(*(result.stdout.splitlines()[-1] for result in both))


if __name__ == "__main__":
    unittest.main()
