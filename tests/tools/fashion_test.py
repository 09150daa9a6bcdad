"""The sets of the classification demo, made of IDX files that look like the real ones."""

import contextlib
import gzip
import io
import os
import struct
import tempfile
import unittest
from pathlib import Path

from tool import load_tool

tool = load_tool("prepare_fashion")


class Fashion(unittest.TestCase):
    TRAIN, TEST = 4000, 30

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.source, cls.target = Path(scratch.name) / "source", Path(scratch.name) / "sets"
        cls.source.mkdir()
        for prefix, count in (("train", cls.TRAIN), ("t10k", cls.TEST)):
            # An image's first two pixels number it; labels go round the classes.
            images = b"".join(struct.pack(">H", i) + bytes(28 * 28 - 2) for i in range(count))
            labels = bytes(i * 7 % 10 for i in range(count))
            for name, sides, values in ((f"{prefix}-images-idx3-ubyte", (count, 28, 28), images),
                                        (f"{prefix}-labels-idx1-ubyte", (count,), labels)):
                header = bytes([0, 0, 8, len(sides)]) + struct.pack(f">{len(sides)}I", *sides)
                (cls.source / f"{name}.gz").write_bytes(gzip.compress(header + values))
        tool.write_sets(cls.source, cls.target)

    def read(self, name, prefix):
        content = (self.target / name / f"{prefix}-images-idx3-ubyte").read_bytes()
        count = struct.unpack(">I", content[4:8])[0]
        numbers = [struct.unpack(">H", content[16 + i * 784:18 + i * 784])[0] for i in range(count)]
        labels = (self.target / name / f"{prefix}-labels-idx1-ubyte").read_bytes()[8:]
        self.assertEqual(len(content), 16 + 784 * count)
        self.assertEqual(list(labels), [number * 7 % 10 for number in numbers])
        return numbers

    def test_labelled_sets_have_equal_shares_of_the_classes(self):
        for name, per_class in (("labels-100", 10), ("labels-1000", 100)):
            classes = [number * 7 % 10 for number in self.read(name, "train")]
            self.assertEqual([classes.count(c) for c in range(10)], [per_class] * 10)

    def test_draws_have_equal_shares_and_differ(self):
        draws = {}
        for name, per_class in (("100-0-0", 10), ("100-0-1", 10), ("100-4-2", 10), ("1000-0-0", 100)):
            draws[name] = self.read(f"draws/{name}", "train")
            classes = [number * 7 % 10 for number in draws[name]]
            self.assertEqual([classes.count(c) for c in range(10)], [per_class] * 10)
            self.assertFalse(set(draws[name]) & set(self.read("probe", "t10k")))
        self.assertEqual(len({tuple(numbers) for numbers in draws.values()}), len(draws))

    def test_every_set_is_tested_on_all_test_images(self):
        for name in ("all", "bank", "labels-100", "labels-1000"):
            self.assertEqual(self.read(name, "t10k"), list(range(self.TEST)))

    def test_the_probe_is_held_out_from_pretraining_and_from_the_labels(self):
        probe = set(self.read("probe", "t10k"))
        self.assertEqual(len(probe), 2000)
        self.assertEqual(probe | set(self.read("pretrain", "train")), set(self.read("all", "train")))
        for name in ("pretrain", "labels-1000"):
            self.assertFalse(probe & set(self.read(name, "train")))

    def test_other_files_are_refused(self):
        bad = self.source / "bad.gz"
        bad.write_bytes(gzip.compress(b"hello, not images"))
        with self.assertRaises(tool.Problem):
            tool.read_idx(bad, 3)


class Messages(unittest.TestCase):
    def test_a_path_may_be_any_bytes(self):
        target = Path(os.fsdecode(b"caf\xe9 ")) / "漢字"
        written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(written):
            tool.say(f"{target} is there already")
        self.assertEqual(written.buffer.getvalue().decode(),
                         "fashion: caf\\udce9 /漢字 is there already\n")


if __name__ == "__main__":
    unittest.main()
