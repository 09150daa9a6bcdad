"""What the preparation of the photographs relies on: archives, crops and attributions are read right."""

import struct
import sys
import unittest
import zlib
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from photos import attribution, crops, qt_resources  # noqa: E402


def archive_of(name: str, content: bytes, flags: int) -> bytes:
    """A Qt resource archive of format 3 that holds one directory `d` with one file."""
    names = b"".join(struct.pack(">HI", len(n), 0) + n.encode("utf-16-be") for n in ("d", name))
    second_name = 6 + 2
    tree = struct.pack(">IHII", 0, 2, 1, 1) + bytes(8)
    tree += struct.pack(">IHII", 0, 2, 1, 2) + bytes(8)
    tree += struct.pack(">IHHHI", second_name, flags, 0, 0, 0) + bytes(8)
    data = struct.pack(">I", len(content)) + content
    header = 24
    return (struct.pack(">4sIIIII", b"qres", 3, header, header + len(tree),
                        header + len(tree) + len(data), 0) + tree + data + names)


class QtResources(unittest.TestCase):
    def test_reads_a_stored_and_a_compressed_entry(self):
        packed = struct.pack(">I", 5) + zlib.compress(b"hello")
        self.assertEqual(qt_resources.read_resources(archive_of("f.txt", b"hello", 0)),
                         {"d/f.txt": b"hello"})
        self.assertEqual(qt_resources.read_resources(archive_of("f.txt", packed, 1)),
                         {"d/f.txt": b"hello"})

    def test_refuses_zstd(self):
        with self.assertRaisesRegex(ValueError, "zstd"):
            qt_resources.read_resources(archive_of("f.txt", b"hello", 4))

    def test_every_truncation_is_a_value_error(self):
        whole = archive_of("f.txt", b"hello", 0)
        for length in range(len(whole)):
            with self.assertRaises(ValueError):
                qt_resources.read_resources(whole[:length])

    def test_a_directory_that_contains_itself_is_a_value_error(self):
        archive = bytearray(archive_of("f.txt", b"hello", 0))
        struct.pack_into(">I", archive, 24 + 10, 0)  # the root's first child
        with self.assertRaisesRegex(ValueError, "contains itself"):
            qt_resources.read_resources(bytes(archive))


class Crops(unittest.TestCase):
    def test_the_last_scale_has_the_side_of_a_crop(self):
        self.assertEqual(crops.scales(1024, 768), [(1024, 768), (512, 384), (299, 224)])
        self.assertEqual(crops.scales(320, 240), [(299, 224)])
        self.assertEqual(crops.scales(200, 170), [(264, 224)])

    def test_a_photograph_that_is_too_small_gives_nothing(self):
        self.assertEqual(crops.scales(320, 159), [])

    def test_the_grid_is_centred_and_does_not_overlap(self):
        self.assertEqual(crops.grid(1024), [64, 288, 512, 736])
        self.assertEqual(crops.grid(224), [0])
        self.assertEqual(crops.grid(223), [])

    def test_flat_crops_are_left_out(self):
        half = Image.effect_noise((448, 224), 100)
        half.paste(90, (0, 0, 224, 224))
        self.assertEqual([name for name, _ in crops.crops(half)], ["0_0_1"])

    def test_spread_is_even_and_ends_with_the_last(self):
        self.assertEqual(crops.spread(6, 3), [1, 3, 5])
        self.assertEqual(crops.spread(2, 3), [0, 1])
        self.assertEqual(crops.spread(0, 3), [])


class Attributions(unittest.TestCase):
    stanzas = attribution.read_stanzas(
        "Files: *\nCopyright: Everybody\nLicense: GPL-3\n\n"
        "Files: src/a/cat.jpg\n src/a/dog.jpg\nCopyright: Ann\nLicense: CC0-1.0\nComment: https://x/y\n\n"
        "License: GPL-3\n the text\n")

    def test_a_path_is_matched_without_its_suffix(self):
        self.assertEqual(attribution.find(self.stanzas, "usr/share/src/a/dog.webp"),
                         attribution.Attribution("Ann", "CC0-1.0", "https://x/y"))

    def test_the_same_name_elsewhere_is_another_picture(self):
        self.assertEqual(attribution.find(self.stanzas, "src/b/dog.webp").licence, "GPL-3")

    def test_a_moved_directory_is_found_where_nothing_else_fits(self):
        self.assertEqual(attribution.find(self.stanzas[1:], "b/dog.jpg").licence, "CC0-1.0")
        self.assertEqual(attribution.find(self.stanzas[1:], "b/bird.jpg").licence, "unknown")


if __name__ == "__main__":
    unittest.main()
