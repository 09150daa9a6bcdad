"""What images of other depths, turned images and floats are to the commands."""

import unittest

import numpy as np
from PIL import Image

from program import ProgramTest, run_program


class Values(ProgramTest):
    def mean_of(self, *paths):
        """The one number that `stats` prints for grey images, and what it says on standard error."""
        listed = self.folder / "list.txt"
        listed.write_text("".join(f"{path}\n" for path in paths))
        result = run_program("stats", listed, "--input_size", 32, "--in_chans", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        return float(result.stdout.split("--mean ")[1].split()[0]), result.stderr

    def test_a_picture_of_16_bits_has_the_same_mean_in_each_format(self):
        ramp = np.linspace(2000, 64000, 40 * 40).reshape(40, 40).astype(np.uint16)
        picture = Image.fromarray(ramp)
        picture.save(self.folder / "a.png")
        picture.save(self.folder / "a.tif")
        np.save(self.folder / "a.npy", ramp)
        for name in ("a.png", "a.tif", "a.npy"):
            self.assertAlmostEqual(self.mean_of(self.folder / name)[0], ramp.mean() / 65535, delta=0.003, msg=name)

    def test_floats_that_were_not_scaled_are_said_once(self):
        sound, far = np.full((40, 40), 0.5, np.float32), np.full((40, 40), 200, np.float32)
        for number in range(4):
            np.save(self.folder / f"{number}.npy", far if number else sound)
        paths = [self.folder / f"{number}.npy" for number in range(4)]
        _, said = self.mean_of(*paths)
        hint = f"convmae: warning: '{paths[1]}' has float numbers up to 200, expected 0..1: divide them by 255"
        self.assertEqual([line for line in said.splitlines() if "expected 0..1" in line], [hint])
        self.assertNotIn("expected 0..1", self.mean_of(paths[0])[1])

    def test_every_way_to_read_images_says_so(self):
        images = self.folder / "images"
        images.mkdir()
        for number in range(8):
            np.save(images / f"{number}.npy", np.random.default_rng(number).random((40, 40, 3), np.float32) * 255)
        run = self.folder / "run"
        said = self.pretrain("--data", images, "--batch_size", 4, "--epochs", 2, out=run).stderr
        self.assertEqual(said.count("expected 0..1: divide them by 255"), 1, said)
        self.assertIn("expected 0..1", self.reconstruct(run, images / "0.npy", images / "1.npy"))
        out = self.folder / "features.npy"
        said = run_program("features", "--checkpoint", run, "--data", images, "--out", out, "--threads", 1).stderr
        self.assertEqual(said.count("expected 0..1: divide them by 255"), 1, said)

    def reconstruct(self, run, *images):
        out = self.folder / "r.png"
        result = run_program("reconstruct", "--checkpoint", run, "--out", out, "--threads", 1, *images)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr.count("expected 0..1"), 1, result.stderr)
        return result.stderr

    def test_a_turned_image_is_turned_on_request_in_every_format(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        draw = np.random.default_rng(3)
        pixels = np.repeat(np.repeat(draw.integers(0, 256, (4, 7, 3), np.uint8), 8, 0), 8, 1)
        stored = Image.fromarray(pixels)
        exif = Image.Exif()
        exif[0x0112] = 6
        upright = stored.transpose(Image.Transpose.ROTATE_270)

        def features(name, *flags):
            out = self.folder / "f.npy"
            listed = self.folder / "list.txt"
            listed.write_text(str(self.folder / name) + "\n")
            result = run_program("features", "--checkpoint", self.run_directory, "--data", listed, "--out", out,
                                 "--threads", 1, *flags)
            self.assertEqual(result.returncode, 0, result.stderr)
            return np.load(out)

        for name, picture in (("stored.png", stored), ("upright.png", upright)):
            picture.save(self.folder / name)
        as_stored, turned = features("stored.png"), features("upright.png")
        self.assertFalse(np.array_equal(as_stored, turned))
        for name, options in (("a.png", {}), ("a.webp", {"lossless": True}), ("a.tif", {})):
            with self.subTest(name):
                stored.save(self.folder / name, exif=exif, **options)
                np.testing.assert_array_equal(features(name), as_stored)
                np.testing.assert_array_equal(features(name, "--exif_orientation"), turned)


if __name__ == "__main__":
    unittest.main()
