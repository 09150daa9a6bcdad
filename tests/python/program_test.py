"""The package and the program on the same files: maps, logits, labels, and what a file does not hold."""

import json
import shutil
import sys
import unittest
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import convmae
from models import GOLDEN, agree, created, images_of, ways

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
from program import TrainedTest, run_program, write_images  # noqa: E402
from segments import train_segmentor, write_set  # noqa: E402


def pixels_of(paths):
    """Images [B, C, H, W] with numbers from 0 to 1."""
    return torch.stack([torch.from_numpy(np.asarray(Image.open(path)).copy()) for path in paths]).permute(0, 3, 1, 2) / 255


class SameFiles(TrainedTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fitting = cls.scratch / "fitting"  # of a size that the program does not change, but crops to its middle
        write_images(cls.fitting, 3, size=36)
        cls.paths = sorted(cls.fitting.iterdir())

    def run_command(self, *arguments):
        result = run_program(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def inputs(self, model):
        return model.preprocessing(pixels_of(self.paths)[:, :, 2:34, 2:34])

    def check_maps(self, checkpoint):
        out = self.folder / "maps.safetensors"
        self.run_command("features", self.fitting, "--checkpoint", checkpoint, "--out", out, "--stages", 1, 2, 3)
        wanted = sorted(load_file(out).items())
        for way, context in ways():
            with self.subTest(way=way), context():
                model = convmae.load(checkpoint)
                maps = model(self.inputs(model))
                self.assertEqual(len(maps), 3)
                for found, (name, map_of_program) in zip(maps, wanted):
                    agree(self, found, map_of_program, name)
            out.unlink(missing_ok=True)

    def test_maps_of_a_run(self):
        self.check_maps(self.encoder / "weights.safetensors")
        self.assertEqual(convmae.load(self.encoder).config, convmae.load(self.encoder / "weights.safetensors").config)

    def test_maps_of_a_pytorch_file(self):
        pth = self.folder / "weights.pth"
        self.run_command("convert", self.encoder / "weights.safetensors", pth)
        self.check_maps(pth)

    def test_what_a_classifier_sees(self):
        answer = json.loads(self.run_command("predict", *self.paths, "--checkpoint", self.classifier, "--json"))
        for way, context in ways():
            with self.subTest(way=way), context():
                model = convmae.load(self.classifier, task="classify")
                shares = model(self.inputs(model)).softmax(1)
                for row, one in zip(shares, answer):
                    for guess in one["classes"]:
                        share = row[model.classes.index(guess["name"])].item()
                        self.assertAlmostEqual(share, guess["probability"], delta=1e-5)

    def test_a_classifier_that_python_wrote(self):
        model = created(task="classify", num_classes=3, embed_dim=(48, 96, 192), depth=(1, 1, 4), num_heads=6).eval()
        save_file(model.state_dict(), self.folder / "new.safetensors")
        answer = json.loads(self.run_command("predict", *self.paths, "--checkpoint", self.folder / "new.safetensors",
                                             "--top", 3, "--json"))
        again = convmae.load(self.folder / "new.safetensors", task="classify")
        shares = again(self.inputs(again)).softmax(1)
        agree(self, shares, model(self.inputs(model)).softmax(1))
        for row, one in zip(shares, answer):
            found = sorted((guess["probability"] for guess in one["classes"]), reverse=True)
            agree(self, row.sort(descending=True).values, torch.tensor(found))

    def test_pretraining_goes_on_from_a_run(self):
        model = convmae.load(self.encoder, task="pretrain").train()
        images = self.inputs(model)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-3)
        noise = torch.rand(3, 4)
        losses = []
        for _ in range(5):
            loss = model(images, noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        self.assertLess(losses[-1], losses[0])

    def test_labels_of_a_segmentor(self):
        labels = write_set(self.folder / "scenes")
        result = train_segmentor(self.folder / "scenes", labels, self.folder / "segmentor", "--epochs", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        write_images(self.folder / "squares", 2, size=48)
        paths = sorted((self.folder / "squares").iterdir())
        self.run_command("segment", "predict", *paths, "--checkpoint", self.folder / "segmentor", "--out",
                         self.folder / "maps", "--original_size", "--no_overlays")
        model = convmae.load(self.folder / "segmentor", task="segment")
        self.assertEqual(model.classes, ["sea", "ice", "sand"])
        found = model.slide(model.preprocessing(pixels_of(paths))).argmax(1) + 1
        wanted = torch.stack([torch.from_numpy(np.asarray(Image.open(path)).copy())
                              for path in sorted((self.folder / "maps" / "labels").iterdir())])
        self.assertLess((found != wanted).float().mean().item(), 1e-3)
        self.assertEqual(len(convmae.load(self.folder / "segmentor")(images_of(model.config.encoder))), 3)


class Files(unittest.TestCase):
    def setUp(self):
        import tempfile

        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def refused(self, path, *fragments, **keywords):
        with self.assertRaises(convmae.ConvmaeError) as caught:
            convmae.load(path, **keywords)
        text = str(caught.exception)
        self.assertEqual(len(text.splitlines()), 1)
        for fragment in fragments:
            self.assertIn(fragment, text)

    def test_published_files_have_arguments_and_no_table(self):
        import argparse

        for name in ("convmae_base", "fastconvmae_base", "mae_base"):
            made = created(name, "pretrain", **({"embed_dim": (768,), "depth": (1,)} if name.startswith("mae")
                                                else {"embed_dim": (8, 12, 768)}),
                           num_heads=12, decoder_embed_dim=512, decoder_num_heads=16, decoder_depth=1)
            state = made.state_dict()
            arguments = argparse.Namespace(model=f"{name}_patch16", mask_ratio=0.75, norm_pix_loss=True)
            torch.save({"model": {f"module.{key}": value for key, value in state.items()}, "args": arguments,
                        "epoch": 3}, self.folder / "a.pth")
            model = convmae.load(self.folder / "a.pth", task="pretrain")
            self.assertEqual(model.config, made.config.with_sizes(norm_pix_loss=True))
            for key, value in model.state_dict().items():
                self.assertTrue(torch.equal(value, state[key]), key)
            for key in ("pos_embed", "decoder_pos_embed"):
                self.assertFalse(model.get_parameter(key).requires_grad)

            without = {key: value for key, value in state.items() if not key.startswith("decoder") and key != "mask_token"}
            save_file(without, self.folder / "encoder.safetensors")
            maps = convmae.load(self.folder / "encoder.safetensors")(images_of(made.config))
            agree(self, maps[-1], convmae.load(self.folder / "a.pth")(images_of(made.config))[-1])
            self.refused(self.folder / "encoder.safetensors", "pretraining", task="pretrain")
            self.refused(self.folder / "encoder.safetensors", "no classifier", task="classify")
            self.refused(self.folder / "encoder.safetensors", "no segmentor", task="segment")

    def test_a_missing_tensor_is_named(self):
        made = created(embed_dim=(8, 12, 384), num_heads=6)
        state = made.state_dict()
        del state["patch_embed1.proj.bias"]
        save_file(state, self.folder / "a.safetensors")
        self.refused(self.folder / "a.safetensors", "lacks the tensor 'patch_embed1.proj.bias'")

    def test_a_new_head_on_an_encoder(self):
        made = created(embed_dim=(8, 12, 384), num_heads=6)
        save_file(made.state_dict(), self.folder / "a.safetensors")
        model = convmae.load(self.folder / "a.safetensors", task="classify", num_classes=5, drop_path_rate=0.1)
        images = images_of(made.config)
        self.assertEqual(model(images).shape, (2, 5))
        self.assertTrue(model.pos_embed.requires_grad)
        agree(self, model.forward_features(images), made(images)[2])
        self.refused(self.folder / "a.safetensors", "for the task classify", num_classes=5)

    def test_widths_of_no_named_model_need_their_heads(self):
        save_file(created().state_dict(), self.folder / "a.safetensors")
        self.refused(self.folder / "a.safetensors", "num_heads")
        self.assertEqual(convmae.load(self.folder / "a.safetensors", num_heads=2).config.num_heads, 2)

    def test_what_is_no_file_of_weights(self):
        (self.folder / "empty").touch()
        (self.folder / "text").write_text("hello, I am no file of weights")
        (self.folder / "broken.safetensors").write_bytes((100).to_bytes(8, "little") + b'{"a": 1')
        torch.save(torch.zeros(3), self.folder / "tensor.pth")
        torch.save({"a": torch.zeros(3)}, self.folder / "other.pth")
        self.refused(self.folder / "none", "No such file")
        self.refused(self.folder / "empty", "is empty")
        self.refused(self.folder / "text", "neither")
        self.refused(self.folder / "broken.safetensors", "damaged")
        self.refused(self.folder / "tensor.pth", "holds a Tensor")
        self.refused(self.folder / "other.pth", "no model that this package knows")
        self.refused(self.folder / "other.pth", "no task is named 'detect'", task="detect")

    def test_nothing_in_a_file_is_executed(self):
        self.refused(GOLDEN / "pth_bad" / "reduce_os_system.pth", "cannot read")
        self.refused(GOLDEN / "pth_bad" / "truncated.pth", "cannot read")


if __name__ == "__main__":
    unittest.main()
