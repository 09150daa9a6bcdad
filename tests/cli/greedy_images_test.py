"""Images that ask for much with a small file: refused by what their header says, or read at a cost
that --max_pixels sets."""

import gzip
import struct
import unittest
import zlib

from PIL import Image

from greedy_test import MOST_BYTES, MOST_CPU_SECONDS, run_measured
from program import TINY, ProgramTest, run_program


def progressive(side, scans):
    """A grey JPEG whose scans go through all blocks with a few bytes."""
    def segment(marker, data):
        return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data

    blocks = ((side + 7) // 8) ** 2
    scan = segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + bytes((15 * (blocks // 16384 + 2) + 7) // 8)

    def make(folder):
        (folder / "x.jpg").write_bytes(
            b"\xff\xd8" + segment(0xDB, b"\0" + bytes([1] * 64))
            + segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + bytes([1, 0x11, 0]))
            + segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0") + scan * scans + b"\xff\xd9")
    make.__qualname__ = f"progressive_{side}_of_{scans}_scans"
    return make


def png(width, height):
    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    def make(folder):
        pack = zlib.compressobj(1)
        rows, left = [], height * (width + 1)
        while left > 0:
            piece = min(left, 1 << 24)
            rows.append(pack.compress(bytes(piece)))
            left -= piece
        pixels = b"".join(rows) + pack.flush()
        (folder / "x.png").write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    make.__qualname__ = f"png_{width}x{height}"
    return make


def sound_jpeg(folder):
    Image.new("RGB", (9400, 9400), (90, 120, 30)).save(folder / "x.jpg", quality=30)


def giant_idx(folder):
    count = (1 << 30) // 784
    with gzip.open(folder / "train-images-idx3-ubyte.gz", "wb", 1) as file:
        file.write(struct.pack(">IIII", 0x803, count, 28, 28))
        for _ in range(count * 784 >> 22):
            file.write(bytes(1 << 22))
        file.write(bytes(count * 784 & ((1 << 22) - 1)))


# Of each: the exit codes that are right, and a part of the message.
TABLE = ((progressive(13000, 1), (2,), "--max_pixels"),
         (progressive(13000, 300), (2,), "--max_pixels"),
         (progressive(9000, 1), (2,), "--max_pixels to 1"), (progressive(7000, 2), (0,), ""),
         (progressive(7000, 200), (2,), "scans"), (sound_jpeg, (0,), ""),
         (png(1, 10_000_000), (0,), ""), (png(1, 60_000_000), (2,), "--max_pixels"),
         (png(60_000_000, 1), (2,), "--max_pixels"),
         (png(9000, 9000), (2,), "--max_pixels"), (giant_idx, (2,), "impossible size"))


class GreedyImages(ProgramTest):
    IMAGES = 4

    def test_what_images_cost_is_limited(self):
        for make, codes, says in TABLE:
            folder = self.folder / make.__qualname__
            folder.mkdir()
            make(folder)
            for command in (("stats", folder), ("bench", "data", "--fast_decode", "--images", "1",
                                                "--data", folder)):
                with self.subTest(file=make.__qualname__, command=command[:2]):
                    cost = run_measured(command, self.folder)
                    self.assertIn(cost.code, codes, cost.err)
                    if cost.code == 2:
                        *_, error = cost.err.splitlines()
                        self.assertTrue(error.startswith("convmae: error: "), cost.err)
                        self.assertIn(says, error)
                    self.assertLess(cost.peak, MOST_BYTES)
                    self.assertLess(cost.seconds, MOST_CPU_SECONDS)

    def test_every_command_that_decodes_images_has_the_flag(self):
        weights = self.run_directory / "weights.safetensors"
        self.pretrain("--epochs", "1", "--warmup_epochs", "0", "--batch_size", "4",
                      "--max_pixels", "1600")
        self.assertIn("max_pixels = 1600", (self.run_directory / "config.toml").read_text())
        images = sorted(self.data.iterdir())
        common = ("--checkpoint", weights)
        commands = (("stats", self.data), ("bench", "data", "--data", self.data, "--images", "1"),
                    ("features", *common, "--data", self.data, "--out", "f.npy"),
                    ("reconstruct", *common, "--out", "r.png", images[0]),
                    ("pretrain", "--data", self.data, "--out", "other", "--overwrite", *TINY,
                     "--epochs", "1", "--warmup_epochs", "0", "--batch_size", "4",
                     "--on_bad_sample", "error"))
        for command in commands:
            with self.subTest(command=command[0]):
                for limit, code in ((1600, 0), (1599, 2), (0, 2)):
                    result = run_program(*command, "--max_pixels", limit, cwd=self.folder)
                    self.assertEqual(result.returncode, code, result.stderr)
                    if code == 2:
                        self.assert_user_error(result, "max_pixels")
        for command in ("knn", "eval", "predict", "finetune", "linprobe"):
            self.assertIn("--max_pixels", run_program(command, "--help").stdout, command)


if __name__ == "__main__":
    unittest.main()
