"""`convmae reconstruct`: losses in words, pictures in a file, one line about what is wrong."""

import re
import shutil
import subprocess
import unittest

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from program import DRAWS, PROGRAM, TINY, ProgramTest, checkpoints, epochs, run_program, tensors

REMOVED = (198, 200, 204)
SIDE = 160  # images of 32 pixels are drawn five times as large


def losses(text):
    """Loss and baseline by image."""
    rows = re.findall(r"^ +([\d.e+-]+) +([\d.e+-]+)  (.+)$", text, re.MULTILINE)
    return {name: (float(loss), float(baseline)) for loss, baseline, name in rows}


def tiles(path):
    """The panel's tiles as rows of arrays."""
    sheet = np.asarray(Image.open(path).convert("RGB")).astype(int)
    ink = (np.abs(sheet - (250, 250, 249)).sum(axis=2) > 0)
    lefts = [8 + i * (SIDE + 5) + 2 for i in range(4)]
    tops = []
    row = 0
    while row + SIDE <= len(sheet):
        if ink[row:row + SIDE, lefts[1]:lefts[1] + SIDE].all():
            tops.append(row)
            row += SIDE
        else:
            row += 1
    return [[sheet[top:top + SIDE, left:left + SIDE] for left in lefts] for top in tops]


def removed_pixels(tile):
    return int((tile == REMOVED).all(axis=2).sum())


class Reconstruct(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.images = sorted(cls.data.iterdir())
        cls.trained = {}

    def model(self, *arguments, data=None):
        """A run with these arguments, made once."""
        key = (*map(str, arguments), data)
        if key not in self.trained:
            run = self.scratch / f"model-{len(self.trained)}"
            result = self.call("--data", data or self.data, "--out", run, *TINY, "--batch_size", 10,
                               "--epochs", 1, *arguments)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.trained[key] = run
        return self.trained[key]

    def reconstruct(self, checkpoint, *arguments, out=None):
        out = out or self.folder / "out.png"
        result = run_program("reconstruct", "--checkpoint", checkpoint, "--out", out, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout, out

    def test_losses_are_those_of_the_evaluation(self):
        run = self.model("--eval_data", self.data)
        text, _ = self.reconstruct(run / "weights.safetensors", *self.images)
        found = losses(text)
        self.assertEqual(len(found), len(self.images) + 1)
        logged = epochs(run)[-1]["val_loss"]
        self.assertAlmostEqual(found["mean"][0], logged, delta=2e-3 * logged)
        per_image = [found[str(path)] for path in self.images]
        np.testing.assert_allclose(np.mean(per_image, axis=0), found["mean"], rtol=2e-3)

    def test_the_panel_shows_original_masked_prediction_and_both(self):
        _, out = self.reconstruct(self.model(), *self.images[:2])
        rows = tiles(out)
        self.assertEqual(len(rows), 2)
        for (original, masked, prediction, pasted), path in zip(rows, self.images):
            # of 2x2 blocks one stays
            self.assertEqual(removed_pixels(masked), SIDE * SIDE * 3 // 4)
            gone = (masked == REMOVED).all(axis=2)
            np.testing.assert_array_equal(masked[~gone], original[~gone])
            np.testing.assert_array_equal(pasted[~gone], original[~gone])
            np.testing.assert_array_equal(pasted[gone], prediction[gone])
            # evaluation geometry: 40 pixels to 36, of which the centre is cut out
            picture = Image.open(path).resize((36, 36), Image.Resampling.BICUBIC)
            centre = np.asarray(picture.crop((2, 2, 34, 34))).astype(int)
            self.assertLessEqual(np.abs(original[::5, ::5] - centre).max(), 1)

    def test_mask_ratio_and_seed(self):
        run = self.model()
        one, first = self.reconstruct(run, *self.images)
        again, second = self.reconstruct(run, *self.images, out=self.folder / "b.png")
        self.assertEqual(one.replace(str(first), ""), again.replace(str(second), ""))
        self.assertEqual(first.read_bytes(), second.read_bytes())
        other, _ = self.reconstruct(run, *self.images, "--seed", 1)
        self.assertNotEqual(losses(other), losses(one))
        _, half = self.reconstruct(run, self.images[0], "--mask-ratio", 0.5)
        self.assertEqual(removed_pixels(tiles(half)[0][1]), SIDE * SIDE // 2)

    def test_every_kind_of_checkpoint(self):
        run = self.model()
        texts = set()
        for path in (run, run / "weights.safetensors", checkpoints(run)[-1]):
            text, _ = self.reconstruct(path, self.images[0])
            texts.add(losses(text)[str(self.images[0])])
        self.assertEqual(len(texts), 1)

    def test_views_of_fastconvmae(self):
        run = self.model("--method", "fastconvmae")
        _, out = self.reconstruct(run, self.images[0])
        rows = tiles(out)
        self.assertEqual(len(rows), 4)
        kept = sum((row[1] != REMOVED).any(axis=2).astype(int) for row in rows)
        self.assertTrue((kept == 1).all(), "every block is visible in one view")
        _, out = self.reconstruct(run, self.images[0], "--groups", 2)
        self.assertEqual(len(tiles(out)), 2)

    def test_normalised_targets_are_explained(self):
        run = self.model("--norm_pix_loss")
        text, normalised = self.reconstruct(run, self.images[0])
        self.assertIn("block means and contrasts are taken from the original", text)
        _, raw = self.reconstruct(self.model(), self.images[0], out=self.folder / "raw.png")
        with Image.open(normalised) as with_note, Image.open(raw) as without:
            self.assertGreater(with_note.height, without.height)
        # An almost untrained model predicts almost nothing: each block shows its own mean.
        original, _, prediction, _ = tiles(normalised)[0]
        block = np.s_[:80, :80]
        self.assertLess(abs(original[block].mean() - prediction[block].mean()), 4)

    def test_positions_are_drawn_where_they_were_removed(self):
        run = self.model("--mask_unit", "position")
        draw = np.random.default_rng(0)
        pixels = draw.integers(0, 256, (36, 36, 3), np.uint8)  # of which the inner 32x32 are seen

        def reconstruct(name):
            path = self.folder / f"{name}.png"
            Image.fromarray(pixels).save(path)
            text, out = self.reconstruct(run, path, out=self.folder / f"{name}-out.png")
            return losses(text)[str(path)], tiles(out)[0]

        before, (_, masked, prediction, _) = reconstruct("before")
        gone = (masked == REMOVED).all(axis=2)[::5, ::5]
        self.assertEqual(int(gone.sum()), 32 * 32 * 3 // 4)
        pixels[2:34, 2:34][gone] = draw.integers(0, 256, (int(gone.sum()), 3), np.uint8)
        after, (_, _, same, _) = reconstruct("after")
        np.testing.assert_array_equal(same, prediction)
        self.assertNotEqual(before, after)

    def test_mae(self):
        run = self.scratch / "mae"
        result = self.call("--data", self.data, "--out", run, "--method", "mae", "--model", "nano",
                           "--input_size", 32, "--embed_dim", 24, "--depth", 1, "--batch_size", 10,
                           "--epochs", 1, "--threads", 1, "--panel_images", 0)
        self.assertEqual(result.returncode, 0, result.stderr)
        text, _ = self.reconstruct(run, self.images[0])
        self.assertIn("mae", text.splitlines()[0])

    def test_other_numbers_of_channels(self):
        grey = self.model("--in_chans", 1)
        text, out = self.reconstruct(grey, self.images[0])
        self.assertEqual(len(losses(text)), 1)
        original = tiles(out)[0][0]
        self.assertTrue((original == original[..., :1]).all())
        data = self.scratch / "five"
        if not data.exists():
            data.mkdir()
            for number in range(10):
                np.save(data / f"{number}.npy",
                        np.random.default_rng(number).random((40, 40, 5), np.float32))
        five = self.model("--in_chans", 5, data=data)
        text, _ = self.reconstruct(five, data / "0.npy")
        self.assertEqual(len(losses(text)), 1)
        self.refused(five, self.images[0], expect=("000.png", "channels"))

    def refused(self, checkpoint, *arguments, expect, out=None):
        out = out or self.folder / "refused.png"
        result = run_program("reconstruct", "--checkpoint", checkpoint, "--out", out, *arguments)
        self.assert_user_error(result, *expect)
        self.assertFalse(out.exists())

    def test_errors(self):
        run = self.model()
        broken = self.folder / "broken.png"
        broken.write_bytes(b"not an image")
        self.refused(run, self.folder / "none.png", expect=("none.png", "No such file"))
        self.refused(run, self.images[0], broken, expect=("broken.png",))
        self.refused(self.folder / "none", self.images[0], expect=("none",))
        self.refused(self.folder, self.images[0], expect=("checkpoint",))
        self.refused(broken, self.images[0], expect=("broken.png",))
        self.refused(run, self.images[0], "--mask_ratio", 0.99, expect=("mask_ratio", "keeps none"))
        self.refused(run, self.images[0], expect=("gone",), out=self.folder / "gone" / "a.png")
        own = self.folder / "own.png"
        own.write_bytes(self.images[0].read_bytes())
        self.assert_user_error(
            run_program("reconstruct", "--checkpoint", run, "--out", own, own), "would replace")
        self.assertEqual(own.read_bytes(), self.images[0].read_bytes())

    def test_an_encoder_alone_is_refused(self):
        encoder = {name: value for name, value in tensors(self.model() / "weights.safetensors").items()
                   if not name.startswith("decoder_") and name != "mask_token"}
        path = self.folder / "encoder.safetensors"
        save_file(encoder, path)
        self.refused(path, self.images[0], expect=("encoder.safetensors", "encoder alone"))

    @unittest.skipUnless(DRAWS, "this build draws no pictures")
    def test_names_without_a_font_are_boxes_and_one_line(self):
        data = self.folder / "data"
        data.mkdir()
        for number in range(10):  # no font has U+0378, which stands for nothing
            shutil.copy(self.images[number], data / f"\u0378{number}.png")
        run = self.folder / "run"
        result = self.call("--data", data, "--out", run, *TINY, "--batch_size", 10, "--epochs", 2,
                           "--panel_images", 2, "--panel_every_epochs", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(list(run.glob("panels/*.png"))), 3)
        drawn = run_program("reconstruct", "--checkpoint", run, "--out", self.folder / "out.png",
                            *sorted(data.iterdir()))
        self.assertEqual(drawn.returncode, 0, drawn.stderr)
        for said in (result.stderr, drawn.stderr):
            self.assertEqual(len(re.findall("no installed font has .* fonts-noto-core$", said,
                                            re.MULTILINE)), 1, said)
        plain = run_program("reconstruct", "--checkpoint", run, "--out", self.folder / "out.png",
                            self.images[0])
        self.assertEqual(plain.stderr, "")


@unittest.skipIf(DRAWS, "this build draws pictures")
class LeftOut(ProgramTest):
    def test_a_run_goes_on_without_pictures_and_says_so_once(self):
        result = self.call("--data", self.data, "--out", self.folder / "run", *TINY, "--batch_size",
                           10, "--epochs", 2, "--panel_images", 2, "--panel_every_epochs", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr.count("draws no pictures"), 1)
        self.assertEqual(list((self.folder / "run").glob("panels/*")), [])

    def test_a_command_that_draws_says_what_is_missing_before_it_works(self):
        result = subprocess.run([PROGRAM, "reconstruct", "--checkpoint", "none", "--out", "o.png",
                                 "none.png"], capture_output=True, text=True, cwd=self.folder)
        self.assert_user_error(result, "draws no pictures", "libcairo2-dev", "CONVMAE_DRAWING")


if __name__ == "__main__":
    unittest.main()
