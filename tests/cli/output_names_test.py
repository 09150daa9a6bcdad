"""Whether an output can be written under its name is known before there is work to lose."""

import json
import os
import shutil
import subprocess
import unittest

from program import PROGRAM, TrainedTest, run_program, tensors, unless_left_out


class OutputNames(TrainedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A checkpoint that cannot be read: who looks at it first has begun to work.
        cls.broken = cls.scratch / "broken.safetensors"
        cls.broken.write_bytes(b"no weights")

    def calls(self, checkpoint=None):
        """Every command that writes files, without its output; `checkpoint` in place of its own."""
        encoder = checkpoint or self.encoder
        weights = checkpoint or self.encoder / "weights.safetensors"
        image = self.data / "000.png"
        return {
            "f.npy": ["features", "--checkpoint", encoder, "--data", self.data, "--threads", 1,
                      "--out"],
            "f.safetensors": ["features", "--checkpoint", encoder, "--data", self.data, "--threads",
                              1, "--out"],
            "r.png": ["reconstruct", image, "--checkpoint", encoder, "--threads", 1, "--out"],
            "w.pth": ["convert", weights],
            "w.safetensors": ["convert", weights],
            "c.html": ["compare", checkpoint or self.encoder, "--out"],
            "evaluation": ["eval", "--checkpoint", checkpoint or self.classifier, "--data",
                           self.classes, "--threads", 1, "--out"],
        }

    def run_unprivileged(self, *arguments):
        """As a user who is not root, to whom a directory can be closed."""
        command = [PROGRAM, *map(str, arguments)]
        if os.geteuid() == 0:
            command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
        return unless_left_out(subprocess.run(command, capture_output=True, text=True))

    def test_places_where_nothing_can_be_written(self):
        (self.folder / "file").write_text("mine")
        closed = self.folder / "closed"
        closed.mkdir(mode=0o555)
        if os.geteuid() == 0:
            os.chown(closed, 65534, 65534)
        for place, reason in (("none", "No such file"), ("file", "Not a directory"),
                              ("closed", "Permission denied")):
            for name, call in self.calls(self.broken).items():
                if call[0] == "eval" and place == "none":
                    continue  # it makes its directory
                with self.subTest(place=place, name=name):
                    result = self.run_unprivileged(*call, self.folder / place / name)
                    self.assert_user_error(result, place, reason)
        self.assertEqual(sorted(os.listdir(self.folder)), ["closed", "file"])
        self.assertEqual(os.listdir(closed), [])

    def test_names_that_a_directory_has(self):
        for name, call in self.calls(self.broken).items():
            if call[0] == "eval":
                continue
            with self.subTest(name=name):
                (self.folder / name).mkdir()
                self.assert_user_error(run_program(*call, self.folder / name), name,
                                       "not a regular file")
        # The list that would be written beside the features, after all of them.
        (self.folder / "g.csv").mkdir()
        for name in ("g.npy", "g.safetensors"):
            result = run_program(*self.calls(self.broken)["f.npy"], self.folder / name)
            self.assert_user_error(result, "g.csv")

    def test_names_as_long_as_the_file_system_takes_them(self):
        for name, call in self.calls().items():
            if call[0] == "eval":
                continue
            with self.subTest(name=name):
                ending = "." + name.split(".")[1]
                longest = self.folder / ("ä" * 100 + "n" * (55 - len(ending)) + ending)
                self.assertEqual(len(os.fsencode(longest.name)), 255)
                result = run_program(*call, longest)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertTrue(longest.is_file())
                self.assertEqual([n for n in os.listdir(self.folder) if "tmp" in n], [])
                longest.unlink()
                self.assert_user_error(
                    run_program(*self.calls(self.broken)[name], self.folder / ("n" + longest.name)),
                    "File name too long")
                for left in self.folder.iterdir():
                    left.unlink()

    def test_a_picture_is_a_png(self):
        for name in ("r.jpg", "r.JPEG", "r", "r.png.txt"):
            result = run_program(*self.calls(self.broken)["r.png"], self.folder / name)
            self.assert_user_error(
                result, "the picture is a PNG: give a name that ends in .png", name)
        result = run_program(*self.calls()["r.png"], self.folder / "r.PNG")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_comparison_is_a_page(self):
        for name in ("c.png", "c", "-"):
            result = run_program(*self.calls(self.broken)["c.html"], self.folder / name)
            self.assert_user_error(result, "HTML", ".html")

    def test_features_have_one_of_two_endings(self):
        for name in ("f.csv", "f.npz", "f.pt", "f", "f.NPY"):
            result = run_program(*self.calls(self.broken)["f.npy"], self.folder / name)
            self.assert_user_error(result, ".safetensors or .npy")

    def test_a_stage_twice_would_be_two_outputs_of_one_name(self):
        for name in ("f.npy", "f.safetensors"):
            result = run_program(*self.calls(self.broken)[name], self.folder / name, "--stages",
                                 "3,3", "--pooled")
            self.assert_user_error(result, "--stages has 3 twice")
        result = run_program(*self.calls()["f.safetensors"], self.folder / "f.safetensors",
                             "--stages", "3,1", "--pooled")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(set(tensors(self.folder / "f.safetensors")), {"stage1", "stage3"})

    def test_a_name_that_contradicts_its_kind(self):
        weights = self.encoder / "weights.safetensors"
        for kind, name in (("pth", "w.safetensors"), ("safetensors", "w.pth"),
                           ("safetensors", "w.bin")):
            result = run_program("convert", weights, self.folder / name, "--to", kind)
            self.assert_user_error(result, name, f"--to {kind}")
        result = run_program("convert", weights, self.folder / "w.weights", "--to", "safetensors")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_no_output_replaces_what_is_read(self):
        weights = self.folder / "w.safetensors"
        shutil.copy(self.encoder / "weights.safetensors", weights)
        before = weights.read_bytes()
        link = self.folder / "link.safetensors"
        link.symlink_to(weights)
        for out in (weights, self.folder / "." / "w.safetensors", link):
            result = run_program("features", "--checkpoint", weights, "--data", self.data, "--out",
                                 out)
            self.assert_user_error(result, "--out would replace", "--checkpoint")
        image = self.folder / "i.png"
        shutil.copy(self.data / "000.png", image)
        result = run_program("reconstruct", image, "--checkpoint", weights, "--out", image)
        self.assert_user_error(result, "--out would replace", "i.png")
        self.assertEqual(weights.read_bytes(), before)

    def test_an_open_stream_is_no_name(self):
        stream = self.folder / "stdout.safetensors"
        stream.symlink_to("/proc/self/fd/1")
        with open(self.folder / "redirected", "wb") as redirected:
            result = subprocess.run(
                [PROGRAM, "convert", self.encoder / "weights.safetensors", stream],
                stdout=redirected, stderr=subprocess.PIPE, text=True)
        self.assert_user_error(result, "stdout.safetensors", "stream")
        self.assertTrue(stream.is_symlink())

    def test_an_evaluation_makes_its_directory_at_the_end(self):
        new = self.folder / "a" / "b"
        self.assert_user_error(run_program(*self.calls(self.broken)["evaluation"], new), "broken")
        self.assertEqual(os.listdir(self.folder), [])
        result = run_program(*self.calls()["evaluation"], new)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads((new / "eval.json").read_text())["images"], 2 * self.IMAGES)


if __name__ == "__main__":
    unittest.main()
