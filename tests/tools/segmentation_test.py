"""The set for segmentation: what is held out shares no picture with training, and labels say what is seen."""

import sys
import tempfile
import unittest
from collections import defaultdict
from pathlib import Path

from PIL import Image, ImageDraw

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

from detection.compose import Background, Cutout  # noqa: E402
from photos import sources  # noqa: E402
from segmentation import compose  # noqa: E402

MANIFEST = sources.read_manifest(TOOLS / "segmentation" / "manifest.tsv")


def flat(colour):
    return Image.new("RGB", (200, 150), colour)


def disc(colour):
    picture = Image.new("RGBA", (60, 60))
    ImageDraw.Draw(picture).ellipse((0, 0, 59, 59), fill=(*colour, 255))
    return picture


# Each source has one colour, by which it is known where it is seen.
COLOURS = {"photo": (0, 0, 255), "brick": (255, 0, 0), "grass": (0, 255, 0), "coin": (255, 255, 0),
           "fish": (255, 0, 255)}
SOURCES = compose.Sources(
    backgrounds=[Background("photo", flat(COLOURS["photo"]))],
    textures={name: [compose.Texture(name, name, flat(COLOURS[name]))] for name in ("brick", "grass")},
    cutouts={name: [Cutout(name, name, disc(COLOURS[name]))] for name in ("coin", "fish")})
NAMES = compose.class_names([SOURCES])


class Manifest(unittest.TestCase):
    def test_no_picture_is_on_both_sides(self):
        sides = defaultdict(set)
        for source in MANIFEST:
            for key in (source.sha256, (source.package, source.path)):
                sides[key].add(source.split)
        self.assertEqual([key for key, splits in sides.items() if len(splits) > 1], [])
        self.assertEqual({source.split for source in MANIFEST}, {"train", "val"})

    def test_what_is_held_out_here_is_not_trained_on_elsewhere(self):
        for other in ("photos", "detection"):
            splits = {source.sha256: source.split
                      for source in sources.read_manifest(TOOLS / other / "manifest.tsv")}
            shared = [source for source in MANIFEST if source.sha256 in splits]
            self.assertGreater(len(shared), 100)
            self.assertEqual([s for s in shared if splits[s.sha256] != s.split], [])

    def test_every_class_is_on_both_sides(self):
        classes = {(split, kind): {s.category for s in MANIFEST if (s.split, s.kind) == (split, kind)}
                   for split in ("train", "val") for kind in ("stamp", "texture")}
        for kind, count in (("stamp", 12), ("texture", 10)):
            self.assertEqual(classes["train", kind], classes["val", kind])
            self.assertEqual(len(classes["train", kind]), count)

    def test_pictures_in_zip_files_are_read(self):
        import hashlib
        import zipfile

        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "pack").mkdir()
            with zipfile.ZipFile(Path(folder) / "pack" / "all.pk3", "w") as file:
                file.writestr("in/a.jpg", b"good")
                file.writestr("in/b.jpg", b"changed")
            wanted = [sources.Source("train", "pack", f"all.pk3:in/{name}.jpg",
                                     hashlib.sha256(b"good").hexdigest()) for name in "abc"]
            self.assertEqual(sources.read(wanted, Path(folder)), {wanted[0]: b"good"})


class Compositions(unittest.TestCase):
    def compose(self, number, seed=0):
        return compose.compose(SOURCES, NAMES, 96, seed, "train", number)

    def test_classes_are_materials_scenes_and_things(self):
        self.assertEqual(NAMES, ["brick", "grass", compose.SCENE, "coin", "fish"])

    def test_depend_on_seed_and_number_alone(self):
        first = self.compose(5)
        self.compose(6)
        again = self.compose(5)
        self.assertEqual(first.picture.tobytes(), again.picture.tobytes())
        self.assertEqual(first.labels.tobytes(), again.labels.tobytes())
        self.assertNotEqual(first.picture.tobytes(), self.compose(5, seed=1).picture.tobytes())

    def test_labels_are_what_is_seen(self):
        colours = [COLOURS["photo" if name == compose.SCENE else name] for name in NAMES]
        seen, unlabelled, pixels = set(), 0, 0
        for number in range(40):
            made = self.compose(number)
            self.assertEqual(made.labels.size, made.picture.size)
            for colour, label in zip(made.picture.get_flattened_data(),
                                     made.labels.get_flattened_data(), strict=True):
                pixels += 1
                if label == compose.UNLABELLED:
                    unlabelled += 1
                    continue
                # Of each rim over it a pixel has at most a fifth.
                difference = max(abs(a - b) for a, b in zip(colour, colours[label - 1], strict=True))
                self.assertLessEqual(difference, 104, (number, colour, label))
                seen.add(label)
        self.assertEqual(seen, set(range(1, len(NAMES) + 1)))
        self.assertLess(unlabelled, 0.1 * pixels)
        self.assertGreater(unlabelled, 0)

    def test_use_what_they_were_given_alone(self):
        used = {name for number in range(40) for name in self.compose(number).names}
        self.assertEqual(used, set(COLOURS))

    def test_colours_of_labels_differ(self):
        palette = compose.palette(23)
        colours = [tuple(palette[i:i + 3]) for i in range(0, len(palette), 3)]
        self.assertEqual(len(set(colours)), 24)
        self.assertEqual(colours[0], (0, 0, 0))
        self.assertTrue(all(0 <= level <= 255 for level in palette))


class Baseline(unittest.TestCase):
    def test_finds_what_colours_tell(self):
        import subprocess

        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder)
            for split, count in (("training", 12), ("validation", 4)):
                for kind in ("images", "annotations"):
                    (data / kind / split).mkdir(parents=True)
                for number in range(count):
                    made = self.made(split, number)
                    made.picture.save(data / "images" / split / f"{number}.png")
                    made.labels.save(data / "annotations" / split / f"{number}.png")
            (data / "classes.txt").write_text("".join(name + "\n" for name in NAMES))
            result = subprocess.run([sys.executable, TOOLS / "segmentation_baseline", "--data", data],
                                    capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        miou = float(result.stdout.split("mIoU ")[1].split(" %")[0])
        # Each class has a colour of its own: what is missed lies in blocks of two classes.
        self.assertGreater(miou, 60)
        self.assertIn("converged", result.stdout)

    def made(self, split, number):
        return compose.compose(SOURCES, NAMES, 96, 0, split, number)


if __name__ == "__main__":
    unittest.main()
