"""What is not a regular file, or is far larger than what it stands for, is refused wherever it is given.

Nothing may wait for it and nothing may fill the memory."""

import json
import os
import shutil
import socket
import unittest

from program import TINY, ProgramTest, checkpoints, run_program, steps

SECONDS = 60  # far more than any of these commands takes, and less than for ever
GIANT = 50_000_000_000


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    # The name of a socket has 107 bytes of room at most.
    here = os.getcwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)
    os.chdir(here)


def make_giant(path):
    path.write_bytes(b"")
    os.truncate(path, GIANT)


def make_giant_png(path):
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    os.truncate(path, GIANT)


KINDS = {
    "pipe": make_pipe,
    "socket": make_socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "folder": lambda path: path.mkdir(),
    "nothing": lambda path: path.symlink_to("nowhere"),
    "itself": lambda path: path.symlink_to(path.name),
    "giant": make_giant,
    "giant png": make_giant_png,
}


class OddFiles(ProgramTest):
    def run_command(self, *arguments):
        return run_program(*arguments, timeout=SECONDS, cwd=self.folder)

    def each_kind(self, name, without=()):
        """A folder for each kind, with something of that kind in it, and its path."""
        for kind, make in KINDS.items():
            if kind in without:
                continue
            folder = self.folder / kind.replace(" ", "-")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder / name)
            yield folder / name

    def train(self, data, name, *arguments):
        run = self.folder / name
        result = self.run_command("pretrain", "--data", data, *TINY, "--batch_size", 1, "--epochs",
                                  1, "--num_workers", 2, "--max_bad_share", 0.5, "--out", run,
                                  *arguments)
        return run, result

    def assert_listed(self, run, result, names):
        self.assertEqual(result.returncode, 0, result.stderr)
        listed = [json.loads(line)["name"].rsplit("/", 1)[1]
                  for line in (run / "bad_samples.jsonl").read_text().splitlines()]
        self.assertEqual(sorted(listed), sorted(names))

    def test_in_a_folder_of_images_they_are_bad_samples(self):
        images = self.folder / "images"
        shutil.copytree(self.data, images)
        # A folder is looked into instead, whatever its name; links to nowhere are left out.
        astray = ("nothing", "itself")
        names = {kind: f"{kind}.png" for kind in KINDS if kind not in ("folder", *astray)}
        for kind in (*names, *astray):
            KINDS[kind](images / f"{kind}.png")
        self.assert_listed(*self.train(images, "lenient"), names.values())
        _, result = self.train(images, "strict", "--on_bad_sample", "error")
        self.assert_user_error(result, "cannot use")
        for kind, name in names.items():
            alone = self.folder / f"with {kind}"
            alone.mkdir()
            shutil.copy(self.data / "000.png", alone)
            KINDS[kind](alone / name)
            self.assert_user_error(self.run_command("stats", alone, "--input_size", 32), name)
        result = self.run_command("stats", images, "--input_size", 32, "--on_bad_sample", "skip")
        self.assertIn("left out: 2 links that lead nowhere (itself.png, nothing.png)\n", result.stderr)

    def test_in_a_list_they_are_bad_samples(self):
        for kind, make in KINDS.items():
            make(self.folder / f"{kind}.png")
        names = [f"{kind}.png" for kind in KINDS]
        images_list = self.folder / "list.txt"
        images_list.write_text("\n".join([*names, *map(str, sorted(self.data.iterdir()))]))
        self.assert_listed(*self.train(images_list, "run"), names)

    def test_as_data(self):
        for name in ("list.txt", "list.csv", "shard.tar", "train-images-idx3-ubyte",
                     "train-images-idx3-ubyte.gz"):
            for odd in self.each_kind(name):
                self.assert_user_error(self.run_command("stats", odd))
                if name.endswith("tar") or odd.parent.name in ("nothing", "itself", "folder"):
                    continue
                self.assert_user_error(self.run_command("stats", odd.parent))

    def test_as_labels_beside_idx_images(self):
        header = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (2, 8, 8))
        for odd in self.each_kind("train-labels-idx1-ubyte"):
            (odd.parent / "train-images-idx3-ubyte").write_bytes(header + bytes(128))
            self.assert_user_error(self.run_command("stats", odd.parent, "--in_chans", 1),
                                   "labels-idx1-ubyte")

    def test_a_giant_idx_file_that_says_it_is_one(self):
        path = self.folder / "train-images-idx3-ubyte"
        path.write_bytes(b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big")
                                                    for n in (48_828_124, 32, 32)))
        os.truncate(path, 16 + 48_828_124 * 1024)
        self.assert_user_error(self.run_command("stats", path), "images-idx3-ubyte")

    def test_as_a_configuration(self):
        for odd in self.each_kind("c.toml"):
            result = self.run_command("pretrain", "--config", odd, "--data", self.data, "--out",
                                      odd.parent / "run")
            self.assert_user_error(result, "c.toml")

    def test_as_weights(self):
        for odd in self.each_kind("w.safetensors", without=["folder"]):
            for command in (["inspect", odd], ["convert", odd, odd.parent / "out.pth"],
                            ["bench", "weights", odd],
                            ["reconstruct", "--checkpoint", odd, "--out", "o.png", "x.png"],
                            ["features", "--checkpoint", odd, "--data", self.data, "--out",
                             "f.npy"],
                            ["pretrain", "--init", odd, "--data", self.data, "--batch_size", 10, "--out",
                             odd.parent / "run"]):
                self.assert_user_error(self.run_command(*command), "w.safetensors")

    def test_as_an_image_to_reconstruct(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        for odd in self.each_kind("odd.png"):
            result = self.run_command("reconstruct", "--checkpoint", self.run_directory, "--out",
                                      odd.parent / "o.png", odd)
            self.assert_user_error(result, "odd.png")

    def test_as_files_of_a_run_that_is_to_go_on(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        shutil.copytree(self.run_directory, self.folder / "kept")
        for name in ("log.txt", "steps.jsonl", "bad_samples.jsonl", "config.toml"):
            for odd in self.each_kind(name):
                shutil.rmtree(self.run_directory)
                shutil.copytree(self.folder / "kept", self.run_directory)
                (self.run_directory / name).unlink(missing_ok=True)
                odd.rename(self.run_directory / name)
                if not (self.run_directory / name).exists():
                    continue  # a file that a run need not have
                result = self.run_command("pretrain", "--resume", self.run_directory, "--epochs", 2)
                self.assert_user_error(result, name)

    def test_as_the_newest_checkpoint_it_is_passed_over(self):
        for make in (make_pipe, make_giant):
            shutil.rmtree(self.run_directory, ignore_errors=True)
            self.pretrain("--batch_size", 10, "--epochs", 2)
            newest = checkpoints(self.run_directory)[-1]
            newest.unlink()
            make(newest)
            result = self.run_command("pretrain", "--resume", self.run_directory)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("passing it over", result.stderr)
            self.assertEqual(len(steps(self.run_directory)), 4)

    def test_a_new_run_does_not_write_its_steps_into_a_pipe(self):
        self.run_directory.mkdir()
        make_pipe(self.run_directory / "steps.jsonl")
        result = self.run_command("pretrain", "--data", self.data, *TINY, "--batch_size", 10,
                                  "--epochs", 1, "--out", self.run_directory)
        self.assert_user_error(result, "steps.jsonl", "not from a run")


if __name__ == "__main__":
    unittest.main()
