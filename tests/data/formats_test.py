"""Walks the table of docs/data.md on formats and values: each of its cells has an image here, which becomes what the cell
says, and no image here lacks a cell. Usage: formats_test.py DATA_PROBE"""

import io
import os
import struct
import sys
import tempfile
import unittest
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps

from image_files import packed_rows, png_file, tiff_file
from probe import Probe

PROBE = sys.argv.pop(1)
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "data.md")
NOTHING = "–"
HEIGHT, WIDTH = 16, 24
RNG = np.random.default_rng(11)


def read_table():
    """{(row, column, cell)} of the table under "Formats and values"."""
    with open(DOCS, encoding="utf-8") as file:
        section = file.read().split("## Formats and values")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip().replace("\\", "") for cell in line.strip("|").split("|")] for line in lines]
    columns = rows[0][1:]
    return {(row[0], column, cell) for row in rows[2:] for column, cell in zip(columns, row[1:], strict=True)}


def numbers(channels, dtype=np.uint8, most=None):
    """Random values over the whole range of the type, both ends included."""
    most = most or np.iinfo(dtype).max
    values = RNG.integers(0, most + 1, (HEIGHT, WIDTH, channels)).astype(dtype)
    values[0, 0], values[0, 1] = 0, most
    return values


def floats(channels):
    return RNG.random((HEIGHT, WIDTH, channels)).astype(np.float32)


def smooth(channels):
    """What lossy formats keep nearly as it is."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([40 + 7 * y + 2 * x + 9 * c for c in range(channels)], -1).astype(np.uint8)


def image_of(values):
    return Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)


def saved(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def npy(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def png(values, colour, depth=8, chunks=()):
    rows = [row.astype(">u2").tobytes() for row in values] if depth == 16 else packed_rows(values, depth)
    return png_file(WIDTH, HEIGHT, depth, colour, rows, chunks)


def repeated(values, channels):
    """Grey as so many channels."""
    return np.broadcast_to(values, (*values.shape[:2], channels)) if values.shape[2] == 1 else values


def spread(values, bits):
    return (values.astype(int) * 255 // (2**bits - 1)).astype(np.uint8)


def high_byte(values):
    return (values >> 8).astype(np.uint8)


def divided(values, colours):
    """The colours of multiplied alpha, by whole numbers as Pillow has it."""
    full = int(np.iinfo(values.dtype).max)
    colour, alpha = values[..., :colours].astype(int), values[..., -1:].astype(int)
    quotient = np.where(alpha == 0, 0, colour * full // np.maximum(alpha, 1))
    return np.minimum(quotient, full).astype(values.dtype)


def multiplied(channels, dtype):
    """Straight colours, as they are stored with associated alpha, and some that alpha cannot have made."""
    values = numbers(channels, dtype)
    full = np.iinfo(dtype).max
    alpha = values[..., -1:].astype(np.uint64)
    values[4:, :, :-1] = (values[4:, :, :-1] * alpha[4:] // full).astype(dtype)
    return values


def rgb_of_cmyk(values):
    """By real numbers: what is left of light behind two inks."""
    full = float(np.iinfo(values.dtype).max)
    light = 1 - values / full
    return (light[..., :3] * light[..., 3:] * full).round()


def rgb_of_lab(values):
    lab = Image.frombytes("LAB", (WIDTH, HEIGHT), values.tobytes())
    transform = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    return np.asarray(ImageCms.applyTransform(lab, transform))


def palette_case(bits, form, transparency=False):
    colours = RNG.integers(0, 256, (2**bits, 3)).astype(np.uint8)
    index = numbers(1, most=2**bits - 1)
    if form == "PNG":
        chunks = [(b"PLTE", colours.tobytes())] + ([(b"tRNS", bytes(range(2**bits)))] if transparency else [])
        file = png(index, 3, bits, chunks)
    else:
        samples = np.concatenate([index, numbers(1)], -1) if transparency else index
        table = [(320, (colours.T.astype(int) * 257).ravel().tolist())]
        file = tiff_file(samples, 3, bits, extra=(2,) if transparency else (), tags=table)
    return file, colours[index[..., 0]]


def inverted_case(values, depth=None):
    most = 2 ** (depth or 8 * values.dtype.itemsize) - 1
    seen = (most - values.astype(int)).astype(values.dtype)
    return tiff_file(values, 0, depth), spread(seen, depth) if depth else seen


def twelve_bit_jpeg():
    file = bytearray(saved(image_of(smooth(1)), "JPEG"))
    frame = file.index(b"\xff\xc0")
    file[frame + 4] = 12
    return bytes(file)


def ycck_jpeg():
    file = bytearray(saved(Image.fromarray(smooth(4), "CMYK"), "JPEG", quality=95))
    file[file.index(b"Adobe") + 11] = 2  # the transform: YCCK
    return bytes(file)


def decoded(file):
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def turned_case(form):
    """A file for each orientation, the picture as stored, and as it is upright."""
    files = []
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        if form == "TIFF":
            values = numbers(3)
            file = tiff_file(values, 2, tags=[(274, [orientation])])
            stored = Image.fromarray(values)
        else:
            lossless = {"JPEG": {}, "PNG": {}, "WebP": {"lossless": True}}[form]
            file = saved(Image.fromarray(smooth(3)), form.upper(), exif=exif, **lossless)
            stored = Image.open(io.BytesIO(file)).convert("RGB")
        stored.getexif()[0x0112] = orientation
        files.append((file, np.asarray(stored), np.asarray(ImageOps.exif_transpose(stored))))
    return files


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"""
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def with_values(form):
    """(file, values) of 8-bit colour, as the format gives it back; and options for Pillow are added by `more`."""
    def make(**more):
        picture = Image.fromarray(smooth(3))
        if form == "WebP":
            more["lossless"] = True
        file = saved(picture, form.upper(), **more)
        return file, decoded(file)
    return make


def pictures_case(form):
    pages = [Image.fromarray(numbers(3)) for _ in range(3)]
    options = {"WebP": {"lossless": True}}.get(form, {})
    file = saved(pages[0], {"JPEG": "MPO"}.get(form, form.upper()), save_all=True, append_images=pages[1:], **options)
    return file, decoded(saved(pages[0], "JPEG")) if form == "JPEG" else np.asarray(pages[0])


def refused(*files):
    return [(file, None) for file in files]


def cases():
    """{(row, column, cell): [(file, what it becomes), ...]}; None for an image that is refused."""
    grey, colour, grey16, colour16 = numbers(1), numbers(3), numbers(1, np.uint16), numbers(3, np.uint16)
    grey_alpha, rgba = numbers(2), numbers(4)
    grey_alpha16, rgba16 = numbers(2, np.uint16), numbers(4, np.uint16)
    grey_float, colour_float = floats(1), floats(3)
    jpeg_grey, jpeg_colour = saved(image_of(smooth(1)), "JPEG"), saved(image_of(smooth(3)), "JPEG")
    cmyk, cmyk16 = numbers(4), numbers(4, np.uint16)
    jpeg_cmyk, ycck = saved(Image.fromarray(smooth(4), "CMYK"), "JPEG", quality=95), ycck_jpeg()
    lossy = saved(image_of(smooth(3)), "WEBP")
    ycbcr = saved(image_of(smooth(3)), "TIFF", compression="jpeg")
    lab = numbers(3)
    lab[..., 1:] = 128 + (lab[..., 1:].astype(int) - 128) // 8  # colours that a screen has
    lab[..., 0] = 60 + lab[..., 0] // 2
    cie_lab = lab.copy()
    cie_lab[..., 1:] ^= 128
    bad_float = grey_float.copy()
    bad_float[3, 4] = np.nan
    whole = RNG.integers(0, 2**32, (HEIGHT, WIDTH, 1), np.uint32)
    made = {
        ("grey of 8 bits", "JPEG", "kept"): [(jpeg_grey, decoded(jpeg_grey))],
        ("grey of 8 bits", "PNG", "kept"): [(png(grey, 0), grey)],
        ("grey of 8 bits", "TIFF", "kept"): [(tiff_file(grey, 1), grey)],
        ("grey of 8 bits", ".npy", "kept"): [(npy(grey), grey), (npy(grey[..., 0]), grey)],
        ("grey of 12 bits", "JPEG", "refused"): refused(twelve_bit_jpeg()),
        ("grey of 12 bits", "TIFF", "refused"): refused(tiff_file(numbers(1, np.uint16, 4095), 1, 12)),
        ("grey of 16 bits", "PNG", "high byte"): [(png(grey16, 0, 16), high_byte(grey16))],
        ("grey of 16 bits", "TIFF", "kept"): [(tiff_file(grey16, 1), grey16)],
        ("grey of 16 bits", ".npy", "kept"): [(npy(grey16), grey16)],
        ("colour of 8 bits", "JPEG", "kept"): [(jpeg_colour, decoded(jpeg_colour))],
        ("colour of 8 bits", "PNG", "kept"): [(png(colour, 2), colour)],
        ("colour of 8 bits", "WebP", "kept"): [(saved(image_of(colour), "WEBP", lossless=True), colour), (lossy, decoded(lossy))],
        ("colour of 8 bits", "TIFF", "kept"): [(tiff_file(colour, 2), colour)],
        ("colour of 8 bits", ".npy", "kept"): [(npy(colour), colour)],
        ("colour of 16 bits", "PNG", "high byte"): [(png(colour16, 2, 16), high_byte(colour16))],
        ("colour of 16 bits", "TIFF", "kept"): [(tiff_file(colour16, 2), colour16)],
        ("colour of 16 bits", ".npy", "kept"): [(npy(colour16), colour16)],
        ("float of 32 bits", "TIFF", "kept"): [(tiff_file(grey_float, 1), grey_float), (tiff_file(colour_float, 2), colour_float)],
        ("float of 32 bits", ".npy", "kept"): [(npy(grey_float), grey_float), (npy(colour_float), colour_float)],
        ("float of 16 or 64 bits", "TIFF", "refused"): refused(*(tiff_file(grey_float.astype(t), 1) for t in ("f2", "f8"))),
        ("float of 16 or 64 bits", ".npy", "refused"): refused(*(npy(grey_float.astype(t)) for t in ("f2", "f8"))),
        ("signed numbers", "TIFF", "refused"): refused(*(tiff_file(grey.astype(t), 1) for t in ("i1", "i2", "i4"))),
        ("signed numbers", ".npy", "refused"): refused(*(npy(grey.astype(t)) for t in ("i1", "i2", "i4", "i8"))),
        ("whole numbers of 32 bits", "TIFF", "refused"): refused(tiff_file(whole, 1)),
        ("whole numbers of 32 bits", ".npy", "refused"): refused(npy(whole)),
        ("numbers of the other byte order", "TIFF", "kept"): [
            (tiff_file(colour16, 2, order=">"), colour16), (tiff_file(grey_float, 1, order=">"), grey_float)],
        ("numbers of the other byte order", ".npy", "refused"): refused(npy(grey16.astype(">u2")), npy(grey_float.astype(">f4"))),
        ("grey and alpha of 8 bits", "PNG", "dropped"): [(png(grey_alpha, 4), grey_alpha[..., :1])],
        ("grey and alpha of 8 bits", "TIFF", "dropped"): [(tiff_file(grey_alpha, 1, extra=(2,)), grey_alpha[..., :1])],
        ("grey and alpha of 8 bits", ".npy", "refused"): refused(npy(grey_alpha)),
        ("grey and alpha of 16 bits", "PNG", "dropped, high byte"): [(png(grey_alpha16, 4, 16), high_byte(grey_alpha16[..., :1]))],
        ("grey and alpha of 16 bits", "TIFF", "dropped"): [(tiff_file(grey_alpha16, 1, extra=(2,)), grey_alpha16[..., :1])],
        ("grey and alpha of 16 bits", ".npy", "refused"): refused(npy(grey_alpha16)),
        ("colour and alpha of 8 bits", "PNG", "dropped"): [(png(rgba, 6), rgba[..., :3])],
        ("colour and alpha of 8 bits", "WebP", "dropped"): [(saved(image_of(rgba), "WEBP", lossless=True, exact=True), rgba[..., :3])],
        ("colour and alpha of 8 bits", "TIFF", "dropped"): [
            (tiff_file(rgba, 2, extra=(2,)), rgba[..., :3]), (tiff_file(rgba, 2), rgba[..., :3])],
        ("colour and alpha of 8 bits", ".npy", "refused"): refused(npy(rgba)),
        ("colour and alpha of 16 bits", "PNG", "dropped, high byte"): [(png(rgba16, 6, 16), high_byte(rgba16[..., :3]))],
        ("colour and alpha of 16 bits", "TIFF", "dropped"): [(tiff_file(rgba16, 2, extra=(2,)), rgba16[..., :3])],
        ("colour and alpha of 16 bits", ".npy", "refused"): refused(npy(rgba16)),
        ("colour and alpha, float", "TIFF", "dropped"): [(tiff_file(floats_ := floats(4), 2, extra=(2,)), floats_[..., :3])],
        ("colour and alpha, float", ".npy", "refused"): refused(npy(floats(4))),
        ("colour and channels of no stated kind", "TIFF", "dropped"): [
            (tiff_file(rgba, 2, extra=(0,)), rgba[..., :3]),
            (tiff_file(six := numbers(6, np.uint16), 2, extra=(2, 0, 0)), six[..., :3])],
        ("colour and channels of no stated kind", ".npy", "refused"): refused(npy(numbers(6))),
        ("colour that is transparent", "PNG", "kept"): [(png(colour, 2, chunks=[(b"tRNS", struct.pack(">HHH", *colour[2, 3]))]), colour)],
        ("palette with transparency", "PNG", "looked up"): [palette_case(8, "PNG", True)],
        ("palette with transparency", "TIFF", "looked up"): [palette_case(8, "TIFF", True)],
        ("palette of 16 bits", "TIFF", "refused"): refused(tiff_file(grey16, 3, tags=[(320, [0] * 3 * 65536)])),
        ("0 is white, 1 bit", "TIFF", "inverted"): [inverted_case(numbers(1, most=1), 1)],
        ("0 is white, 8 bits", "TIFF", "inverted"): [inverted_case(grey)],
        ("0 is white, 16 bits", "TIFF", "inverted"): [inverted_case(grey16)],
        ("0 is white, float", "TIFF", "refused"): refused(tiff_file(grey_float, 0)),
        ("CMYK of 8 bits", "JPEG", "RGB"): [(jpeg_cmyk, decoded(jpeg_cmyk))],
        ("CMYK of 8 bits", "TIFF", "RGB"): [
            (tiff_file(cmyk, 5), rgb_of_cmyk(cmyk)),
            (saved(Image.fromarray(cmyk, "CMYK"), "TIFF"), decoded(saved(Image.fromarray(cmyk, "CMYK"), "TIFF")))],
        ("CMYK of 16 bits", "TIFF", "RGB"): [(tiff_file(cmyk16, 5), rgb_of_cmyk(cmyk16))],
        ("YCCK", "JPEG", "RGB"): [(ycck, decoded(ycck))],
        ("other inks", "TIFF", "refused"): refused(tiff_file(cmyk, 5, tags=[(332, [2])]), tiff_file(colour, 5)),
        ("YCbCr", "JPEG", "RGB"): [(jpeg_colour, decoded(jpeg_colour))],
        ("YCbCr", "WebP", "RGB"): [(lossy, decoded(lossy))],
        ("YCbCr", "TIFF", "RGB"): [(ycbcr, decoded(ycbcr))],
        ("CIE L*a*b* of 8 bits", "TIFF", "RGB"): [
            (tiff_file(cie_lab, 8), rgb_of_lab(cie_lab)), (tiff_file(lab, 9), rgb_of_lab(cie_lab))],
        ("CIE L*a*b* of 16 bits", "TIFF", "refused"): refused(tiff_file(colour16, 8), tiff_file(colour16, 9)),
        ("raw camera data", "TIFF", "refused"): refused(tiff_file(grey16, 32803), tiff_file(grey, 34892)),
        ("bands: four and more channels", "TIFF", "refused"): refused(
            tiff_file(rgba, 1, extra=(0, 0, 0)), tiff_file(numbers(7, np.uint16), 1, extra=(0,) * 6)),
        ("bands: four and more channels", ".npy", "refused"): refused(npy(rgba), npy(floats(13))),
        ("NaN or infinity", "TIFF", "refused"): refused(tiff_file(bad_float, 1)),
        ("NaN or infinity", ".npy", "refused"): refused(npy(bad_float), npy(np.full((3, 4, 3), np.inf, np.float32))),
        ("several pictures (MPO, animation, pages)", ".npy", "refused"): refused(npy(np.stack([colour, colour]))),
    }
    for bits in (1, 2, 4):
        values = numbers(1, most=2**bits - 1)
        row = f"grey of {bits} bit{'s' if bits > 1 else ''}"
        made[row, "PNG", "8 bits"] = [(png(values, 0, bits), spread(values, bits))]
        made[row, "TIFF", "8 bits"] = [(tiff_file(values, 1, bits), spread(values, bits))]
    for bits in (1, 4, 8):
        for form in ("PNG", "TIFF"):
            made[f"palette of {bits} bit{'s' if bits > 1 else ''}", form, "looked up"] = [palette_case(bits, form)]
    for row, channels, dtype in (("colour multiplied by alpha, 8 bits", 4, np.uint8),
                                 ("colour multiplied by alpha, 16 bits", 4, np.uint16),
                                 ("grey multiplied by alpha", 2, np.uint8)):
        values = multiplied(channels, dtype)
        made[row, "TIFF", "divided"] = [(tiff_file(values, 2 if channels == 4 else 1, extra=(1,)), divided(values, channels - 1))]
    for form in ("JPEG", "PNG", "WebP", "TIFF"):
        make = with_values(form)
        text = {"PNG": {"chunks": [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)]}}.get(form)
        xmp = (png(colour, 2, **text), colour) if text else make(xmp=XMP)
        if form == "TIFF":
            xmp = tiff_file(colour, 2, tags=[(700, list(XMP))]), colour
        made["orientation in XMP alone", form, "as stored"] = [xmp]
        made["colour profile, gamma", form, "ignored"] = [make(icc_profile=PROFILE)]
        made["several pictures (MPO, animation, pages)", form, "the first"] = [pictures_case(form)]
        made["orientation (EXIF, or the tag of a TIFF)", form, "on request"] = turned_case(form)
    made["colour profile, gamma", "PNG", "ignored"].append((png(colour, 2, chunks=[(b"gAMA", struct.pack(">I", 100000))]), colour))
    return made


# By how much RGB that is computed in another way may differ: of 255.
TOLERANCE = {"CMYK of 8 bits": 1, "CMYK of 16 bits": 1 / 257, "CIE L*a*b* of 8 bits": 4}


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
        for file, values in ((tiff_file(rgba, 2, extra=(1,)), rgba), (tiff_file(grey_alpha, 1, extra=(2,)), grey_alpha),
                             (tiff_file(bands, 1, extra=(0,) * 6), bands), (npy(rgba), rgba), (npy(bands), bands)):
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
        frames = chunk(b"ANMF", three(left // 2) + three(top // 2) + three(WIDTH - 1) + three(HEIGHT - 1) + three(40) + b"\0" + frame)
        body = chunk(b"VP8X", struct.pack("<I", 2) + three(canvas[1] - 1) + three(canvas[0] - 1))
        body += chunk(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, 0)) + frames
        expected = np.zeros((*canvas, 3), np.uint8)
        expected[top:top + HEIGHT, left:left + WIDTH] = inner
        file = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
        self.assert_becomes(self.decode(file), expected)
        np.testing.assert_array_equal(decoded(file), expected)


if __name__ == "__main__":
    unittest.main()
