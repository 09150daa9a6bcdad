"""Walks the table of docs/data.md on formats and values: each of its cells has an image in format_cases.py, which
becomes what the cell says, and no image there lacks a cell. Usage: formats_test.py DATA_PROBE"""

import os
import struct
import sys
import tempfile
import unittest
import zlib

import numpy as np
from PIL import Image

from format_cases import (HEIGHT, TOLERANCE, WIDTH, cases, decoded, floats, image_of, npy, numbers, png, repeated,
                          saved, smooth)
from image_files import tiff_file
from probe import Probe

PROBE = sys.argv.pop(1)
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "data.md")
NOTHING = "–"


def read_table():
    """{(row, column, cell)} of the table under "Formats and values"."""
    with open(DOCS, encoding="utf-8") as file:
        section = file.read().split("## Formats and values")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip().replace("\\", "") for cell in line.strip("|").split("|")] for line in lines]
    columns = rows[0][1:]
    return {(row[0], column, cell) for row in rows[2:] for column, cell in zip(columns, row[1:], strict=True)}


class FormatsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.table, cls.cases = read_table(), cases()

    def setUp(self):
        self.probe = Probe(PROBE)
        self.addCleanup(self.probe.close)
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.path = os.path.join(holder.name, "image")

    def decode(self, file, exif=False, channels=3):
        with open(self.path, "wb") as out:
            out.write(file)
        return self.probe.ask(file=self.path, channels=channels, exif=exif)

    def assert_becomes(self, found, expected, most=0):
        self.assertNotIsInstance(found, str, found)
        expected = repeated(expected, found.shape[2])
        self.assertEqual(found.shape, expected.shape)
        if expected.dtype != np.float64:
            self.assertEqual(found.dtype, expected.dtype)
        full = np.iinfo(found.dtype).max if found.dtype.kind == "u" else 1
        difference = np.abs(found.astype(np.float64) - expected.astype(np.float64)).max() / full * 255
        self.assertLessEqual(difference, most)

    def test_every_cell_has_its_image(self):
        stated = {cell for cell in self.table if cell[2] != NOTHING}
        self.assertEqual(stated - set(self.cases), set(), "stated, and not tried")
        self.assertEqual(set(self.cases) - stated, set(), "tried, and not stated")
        self.assertGreater(len(stated), 90)

    def test_every_image_becomes_what_its_cell_says(self):
        for (row, column, cell), images in self.cases.items():
            for number, image in enumerate(images):
                with self.subTest(row, column=column, cell=cell, number=number):
                    if cell == "on request":
                        file, stored, upright = image
                        self.assert_becomes(self.decode(file), stored)
                        self.assert_becomes(self.decode(file, exif=True), upright)
                        continue
                    file, expected = image
                    self.assertEqual(cell == "refused", expected is None)
                    # Only of what the table says is turned is there anything to turn.
                    for exif in (False, True):
                        found = self.decode(file, exif)
                        if expected is None:
                            self.assertIsInstance(found, str)
                            self.assertRegex(found, "^expected .*, found |^expected .*: convert it$")
                            self.assertNotIn("damaged", found)
                        else:
                            self.assert_becomes(found, expected, TOLERANCE.get(row, 0))

    def test_the_verbs_of_the_cells_are_explained(self):
        with open(DOCS, encoding="utf-8") as file:
            section = file.read().split("## Formats and values")[1].split("\n## ")[0].lower()
        plain = {"as stored", "ignored", "inverted", "looked up"}
        for verb in {part.lower() for _, _, cell in self.table for part in cell.split(", ")} - plain:
            self.assertIn(f"**{verb}**", section)

    def test_a_value_means_the_same_in_every_format(self):
        """One grey picture: its mean, as a share of white, however it is stored."""
        grey16 = numbers(1, np.uint16, 65535)
        grey16[:] = np.linspace(0, 65535, grey16.size).astype(np.uint16).reshape(grey16.shape)
        grey = (grey16 >> 8).astype(np.uint8)
        as_float = (grey16 / 65535).astype(np.float32)
        alpha = np.full_like(grey16, 65535)
        rgba16 = np.concatenate([grey16] * 3 + [alpha], -1)
        files = [png(grey16, 0, 16), png(grey, 0), png(np.concatenate([grey16, alpha], -1), 4, 16), png(rgba16, 6, 16),
                 png(rgba16[..., :3], 2, 16), tiff_file(grey16, 1), tiff_file(65535 - grey16, 0), tiff_file(grey, 1),
                 tiff_file(rgba16, 2, extra=(1,)), tiff_file(as_float, 1), npy(grey16), npy(as_float), npy(grey),
                 saved(image_of(grey), "WEBP", lossless=True), saved(image_of(grey), "JPEG", quality=100)]
        for number, file in enumerate(files):
            for channels in (1, 3):
                with self.subTest(number=number, channels=channels):
                    found = self.decode(file, channels=channels)
                    full = np.iinfo(found.dtype).max if found.dtype.kind == "u" else 1
                    self.assertAlmostEqual(found.mean() / full, 0.5, delta=0.004)

    def test_whoever_asks_for_all_channels_gets_them_as_stored(self):
        rgba, grey_alpha, bands = numbers(4), numbers(2, np.uint16), floats(7)
        for file, values in ((tiff_file(rgba, 2, extra=(1,)), rgba), (npy(rgba), rgba), (npy(bands), bands),
                             (tiff_file(grey_alpha, 1, extra=(2,)), grey_alpha),
                             (tiff_file(bands, 1, extra=(0,) * 6), bands)):
            self.assert_becomes(self.decode(file, channels=values.shape[2]), values)

    def test_colour_becomes_grey_whatever_its_depth(self):
        for values, most in ((numbers(3), 0.51), (numbers(3, np.uint16), 0.002), (floats(3), 0.0001)):
            grey = values.astype(np.float64) @ np.array([[19595], [38470], [7471]]) / 65536
            files = [tiff_file(values, 2), npy(values)] + ([png(values, 2)] if values.dtype == np.uint8 else [])
            for file in files:
                self.assert_becomes(self.decode(file, channels=1), grey, most)

    def test_exif_in_the_ways_that_writers_have(self):
        """As a LONG or a BYTE, in either byte order, with the prefix of JPEG before it."""
        picture = Image.fromarray(smooth(3))
        upright = np.asarray(picture.transpose(Image.Transpose.ROTATE_270))
        for order, mark in (("<", b"II*\0"), (">", b"MM\0*")):
            for kind, code in ((1, "B"), (3, "H"), (4, "I")):
                value = struct.pack(order + code, 6).ljust(4, b"\0")
                block = mark + struct.pack(order + "IHHHI", 8, 1, 0x0112, kind, 1) + value + b"\0\0\0\0"
                for prefix in (b"", b"Exif\0\0"):
                    with self.subTest(order=order, kind=kind, prefix=prefix):
                        webp = self.decode(saved(picture, "WEBP", lossless=True, exif=prefix + block), exif=True)
                        self.assert_becomes(webp, upright)
                with self.subTest(order=order, kind=kind):
                    for chunks in ((b"eXIf", block),), ((b"eXIf", block), (b"tEXt", b"a\0b")):
                        self.assert_becomes(self.decode(png(smooth(3), 2, chunks=chunks), exif=True), upright)

    def test_exif_behind_the_pixels_of_a_png(self):
        block = b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0) + b"\0\0\0\0"
        file = png(smooth(3), 2)
        chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
        found = self.decode(file[:-12] + chunk + file[-12:], exif=True)
        self.assert_becomes(found, np.rot90(smooth(3), -1))

    def test_first_frame_of_an_animation_lies_at_its_place(self):
        """An animation whose first frame is smaller than what is shown."""
        inner = numbers(3)
        frame = saved(image_of(inner), "WEBP", lossless=True)[12:]
        top, left = 4, 6

        def three(number):
            return struct.pack("<I", number)[:3]

        def chunk(name, data):
            return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

        canvas = (HEIGHT + 10, WIDTH + 12)
        place = three(left // 2) + three(top // 2) + three(WIDTH - 1) + three(HEIGHT - 1)
        frames = chunk(b"ANMF", place + three(40) + b"\0" + frame)
        body = chunk(b"VP8X", struct.pack("<I", 2) + three(canvas[1] - 1) + three(canvas[0] - 1))
        body += chunk(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, 0)) + frames
        expected = np.zeros((*canvas, 3), np.uint8)
        expected[top:top + HEIGHT, left:left + WIDTH] = inner
        file = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
        self.assert_becomes(self.decode(file), expected)
        np.testing.assert_array_equal(decoded(file), expected)


if __name__ == "__main__":
    unittest.main()
