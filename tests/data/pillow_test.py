"""Compares decoding, resizing and augmenting with Pillow, pixel by pixel, and shards with tarfile. Usage: pillow_test.py DATA_PROBE"""

import io
import os
import sys
import tarfile
import tempfile
import unittest

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from image_files import png_file
from probe import Probe

PROBE = sys.argv.pop(1)


def photo_like(rng, height, width, channels=3):
    """Smooth shapes with noise in places, so that filters overshoot and codecs have work."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        127 + 120 * np.sin(x / rng.uniform(2, 30) + y / rng.uniform(2, 30)) for _ in range(channels)
    ]
    pixels = np.stack(planes, -1)
    noisy = rng.random((height, width, 1)) < 0.3
    pixels = np.where(noisy, rng.integers(0, 256, (height, width, channels)), pixels)
    return pixels.astype(np.uint8)


class PillowTest(unittest.TestCase):
    def setUp(self):
        self.rng = np.random.default_rng(7)
        self.probe = Probe(PROBE)
        self.addCleanup(self.probe.close)
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.path = os.path.join(holder.name, "image")

    def write(self, data):
        with open(self.path, "wb") as file:
            file.write(data)

    def save(self, image, form, **options):
        image.save(self.path, form, **options)

    def assert_decodes_like_pillow(self, what):
        for channels, mode in ((3, "RGB"), (1, "L")):
            with self.subTest(what, mode=mode):
                expected = np.asarray(Image.open(self.path).convert(mode))
                expected = expected.reshape(expected.shape[0], expected.shape[1], channels)
                found = self.probe.ask(file=self.path, channels=channels)
                np.testing.assert_array_equal(found, expected)

    def test_jpeg(self):
        for height, width in ((1, 1), (7, 5), (64, 48), (97, 131)):
            rgb = Image.fromarray(photo_like(self.rng, height, width))
            for subsampling in (0, 1, 2):
                for progressive in (False, True):
                    options = {"subsampling": subsampling, "progressive": progressive}
                    self.save(rgb, "JPEG", quality=83, **options)
                    self.assert_decodes_like_pillow(f"{height}x{width} {options}")
            self.save(rgb.convert("L"), "JPEG")
            self.assert_decodes_like_pillow("grey")
            self.save(rgb.convert("CMYK"), "JPEG")
            self.assert_decodes_like_pillow("CMYK")
            self.save(rgb, "JPEG", keep_rgb=True)
            self.assert_decodes_like_pillow("RGB without YCbCr")

    def test_exif_orientation(self):
        rgb = Image.fromarray(photo_like(self.rng, 24, 40))
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = orientation
            self.save(rgb, "JPEG", exif=exif)
            self.assert_decodes_like_pillow(f"orientation {orientation} ignored")
            upright = ImageOps.exif_transpose(Image.open(self.path))
            found = self.probe.ask(file=self.path, channels=3, exif=True)
            np.testing.assert_array_equal(found, np.asarray(upright))

    def test_webp(self):
        for alpha in (False, True):
            pixels = photo_like(self.rng, 45, 67, 4 if alpha else 3)
            for options in ({"quality": 60}, {"quality": 95}, {"lossless": True, "exact": True}):
                self.save(Image.fromarray(pixels), "WEBP", **options)
                self.assert_decodes_like_pillow(f"alpha {alpha} {options}")

    def test_png_modes_that_pillow_writes(self):
        rgb = Image.fromarray(photo_like(self.rng, 33, 29))
        rgba = Image.fromarray(photo_like(self.rng, 33, 29, 4))
        palette = rgb.quantize(200)
        for image in (rgb, rgba, rgb.convert("L"), rgba.convert("LA"), rgb.convert("1"), palette):
            self.save(image, "PNG")
            self.assert_decodes_like_pillow(image.mode)
        for colours in (2, 4, 16):
            self.save(rgb.quantize(colours), "PNG")
            self.assert_decodes_like_pillow(f"palette of {colours}")
        self.save(palette, "PNG", transparency=3)
        self.assert_decodes_like_pillow("palette with transparency")
        self.save(rgb, "PNG", transparency=(1, 2, 3))
        self.assert_decodes_like_pillow("RGB with transparency")

    def test_png_depths(self):
        width, height = 16, 9
        for colour, samples in ((2, 3), (4, 2), (6, 4)):
            row_bytes = width * samples * 2
            rows = [self.rng.bytes(row_bytes) for _ in range(height)]
            self.write(png_file(width, height, 16, colour, rows))
            self.assert_decodes_like_pillow(f"16 bit, colour type {colour}")
        for depth in (1, 2, 4, 8):
            rows = [self.rng.bytes(width * depth // 8) for _ in range(height)]
            self.write(png_file(width, height, depth, 0, rows))
            self.assert_decodes_like_pillow(f"{depth} bit grey")

    def test_tiff(self):
        rgb = Image.fromarray(photo_like(self.rng, 41, 53))
        rgba = Image.fromarray(photo_like(self.rng, 41, 53, 4))
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            for image in (rgb, rgba, rgb.convert("L"), rgb.quantize(64), rgb.convert("1")):
                self.save(image, "TIFF", compression=compression)
                self.assert_decodes_like_pillow(f"{compression} {image.mode}")
        values = self.rng.random((41, 53)).astype(np.float32)
        self.save(Image.fromarray(values), "TIFF")
        np.testing.assert_array_equal(self.probe.ask(file=self.path)[..., 0], values)
        wide = self.rng.integers(0, 65536, (41, 53)).astype(np.uint16)
        self.save(Image.fromarray(wide), "TIFF")
        np.testing.assert_array_equal(self.probe.ask(file=self.path)[..., 0], wide)

    def test_npy(self):
        for dtype in (np.uint8, np.uint16, np.float32):
            for shape in ((4, 6), (4, 6, 1), (4, 6, 3), (3, 5, 7)):
                pixels = (self.rng.random(shape) * 200).astype(dtype)
                with open(self.path, "wb") as file:
                    np.save(file, pixels)
                found = self.probe.ask(file=self.path)
                self.assertEqual(found.dtype, dtype)
                np.testing.assert_array_equal(found.reshape(shape), pixels)

    def test_truncated_files_are_refused_where_pillow_refuses_them(self):
        rgb = Image.fromarray(photo_like(self.rng, 40, 40))
        for options in ({}, {"progressive": True}):
            self.save(rgb, "JPEG", **options)
            with open(self.path, "rb") as file:
                whole = file.read()
            for cut in (1, 2, 3, 50, len(whole) // 2):
                self.write(whole[:-cut])
                with self.assertRaises(OSError), Image.open(self.path) as image:
                    image.load()
                self.assertIn("damaged JPEG", self.probe.ask(file=self.path, channels=3))

    def test_resize(self):
        sides = (1, 2, 3, 5, 17, 64, 100, 224, 375, 500)
        kinds = [("RGB", 3, np.uint8), ("L", 1, np.uint8), ("F", 1, np.float32)]
        for case in range(400):
            mode, channels, dtype = kinds[case % 3]
            height, width = (int(self.rng.choice(sides)) for _ in range(2))
            if self.rng.random() < 0.5:
                pixels = self.rng.integers(0, 2, (height, width, channels)) * 255
            else:
                pixels = photo_like(self.rng, height, width, channels)
            pixels = pixels.astype(dtype)
            image = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
            self.assertEqual(image.mode, mode)
            top, left = int(self.rng.integers(height)), int(self.rng.integers(width))
            crop_height = int(self.rng.integers(1, height - top + 1))
            crop_width = int(self.rng.integers(1, width - left + 1))
            out_height, out_width = (int(self.rng.choice(sides[:-2])) for _ in range(2))
            if case % 7 == 0:
                out_height = crop_height
            if case % 11 == 0:
                out_width = crop_width
            name = ("bilinear", "bicubic")[int(self.rng.integers(2))]
            with open(self.path, "wb") as file:
                np.save(file, pixels)
            crop = image.crop((left, top, left + crop_width, top + crop_height))
            filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
            expected = np.asarray(crop.resize((out_width, out_height), filters[name]))
            y, x = int(self.rng.integers(out_height)), int(self.rng.integers(out_width))
            window = [y, x, int(self.rng.integers(1, out_height - y + 1)),
                      int(self.rng.integers(1, out_width - x + 1))]
            for part in ([0, 0, out_height, out_width], window):
                with self.subTest(case=case, mode=mode, filter=name, window=part):
                    found = self.probe.ask(
                        file=self.path, crop=[top, left, crop_height, crop_width],
                        size=[out_height, out_width], window=part, filter=name)
                    y0, x0, h, w = part
                    wanted = expected[y0:y0 + h, x0:x0 + w].reshape(h, w, channels)
                    np.testing.assert_array_equal(found, wanted)


    def test_augmentation(self):
        fill = (124, 116, 104)

        def affine(image, *matrix):
            return image.transform(image.size, Image.Transform.AFFINE, matrix,
                                   Image.Resampling.BICUBIC, fillcolor=fill)

        operations = {
            "AutoContrast": (None, lambda im, v: ImageOps.autocontrast(im)),
            "Equalize": (None, lambda im, v: ImageOps.equalize(im)),
            "Invert": (None, lambda im, v: ImageOps.invert(im)),
            "Rotate": (30, lambda im, v: im.rotate(v, Image.Resampling.BICUBIC, fillcolor=fill)),
            "Color": (1.9, lambda im, v: ImageEnhance.Color(im).enhance(v)),
            "Contrast": (1.9, lambda im, v: ImageEnhance.Contrast(im).enhance(v)),
            "Brightness": (1.9, lambda im, v: ImageEnhance.Brightness(im).enhance(v)),
            "Sharpness": (1.9, lambda im, v: ImageEnhance.Sharpness(im).enhance(v)),
            "ShearX": (0.3, lambda im, v: affine(im, 1, v, 0, 0, 1, 0)),
            "ShearY": (0.3, lambda im, v: affine(im, 1, 0, 0, v, 1, 0)),
            "TranslateXRel": (0.45, lambda im, v: affine(im, 1, 0, v * im.width, 0, 1, 0)),
            "TranslateYRel": (0.45, lambda im, v: affine(im, 1, 0, 0, 0, 1, v * im.height)),
        }
        for case in range(200):
            height, width = (int(self.rng.integers(1, 90)) for _ in range(2))
            image = Image.fromarray(photo_like(self.rng, height, width))
            self.save(image, "PNG")
            name = str(self.rng.choice(list(operations)))
            limit, expected = operations[name]
            value = 0.0 if limit is None else float(self.rng.uniform(-limit, limit))
            if name in ("Color", "Contrast", "Brightness", "Sharpness"):
                value = abs(value)
            with self.subTest(case=case, op=name, value=value, size=image.size):
                found = self.probe.ask(file=self.path, channels=3, op=name, argument=value, fill=fill)
                np.testing.assert_array_equal(found, np.asarray(expected(image, value)))

    def test_shards_that_tarfile_writes(self):
        rgb = Image.fromarray(photo_like(self.rng, 24, 40))
        self.save(rgb, "JPEG")
        with open(self.path, "rb") as file:
            picture = file.read()
        long = "folder" * 20 + "/" + "name" * 20
        for form in (tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            keys = ["000", "a/b", long] + ([] if form == tarfile.USTAR_FORMAT else ["x" * 300])
            path = self.path + ".tar"
            with tarfile.open(path, "w", format=form) as archive:
                for label, key in enumerate(keys):
                    members = {".cls": b"%d" % label, ".jpg": picture + b"x" * label, ".json": b"{}"}
                    for extension, data in members.items():
                        info = tarfile.TarInfo(key + extension)
                        info.size = len(data)
                        archive.addfile(info, io.BytesIO(data))
            samples = self.probe.ask(source=path)
            self.assertEqual([s["label"] for s in samples], list(range(len(keys))))
            self.assertEqual([s["size"] for s in samples],
                             [len(picture) + label for label in range(len(keys))])
            self.assertEqual([s["sum"] for s in samples],
                             [sum(picture) + label * ord("x") for label in range(len(keys))])
            self.assertIn("000.jpg", samples[0]["name"])


if __name__ == "__main__":
    unittest.main()
