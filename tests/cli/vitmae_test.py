"""`convmae convert --layout vitmae` and commands with Hugging Face's ViTMAE, under each of its three namings."""

import json
import shutil
import unittest

import torch
from safetensors.torch import load_file, save_file

from program import ProgramTest, run_program

SIZES = ("--method mae --input_size 32 --patch_size 8 --embed_dim 24 --depth 2 --num_heads 3 --decoder_embed_dim 16 "
         "--decoder_depth 1 --decoder_num_heads 2 --threads 1 --panel_images 0 --batch_size 10 --epochs 1").split()


class ViTMAE(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own = cls.scratch / "mae"
        result = run_program("pretrain", "--data", cls.data, "--out", cls.own, *SIZES, "--mask_ratio", 0.5)
        assert result.returncode == 0, result.stderr
        cls.weights = cls.own / "weights.safetensors"
        cls.hub = cls.scratch / "hub"
        cls.hub.mkdir()
        result = run_program("convert", cls.weights, cls.hub / "model.safetensors", "--layout", "vitmae")
        assert result.returncode == 0, result.stderr

    def in_folder(self, rename=lambda name: name, config=True):
        """The folder as another wrote it: without a word of ours, under names of another time."""
        folder = self.folder / "other"
        folder.mkdir()
        model = {rename(name): value for name, value in load_file(self.hub / "model.safetensors").items()}
        save_file(model, folder / "model.safetensors", {"format": "pt"})
        if config:
            (folder / "config.json").write_bytes((self.hub / "config.json").read_bytes())
        return folder

    def succeed(self, *arguments):
        result = run_program(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def test_the_folder_is_one_of_transformers(self):
        model, own = load_file(self.hub / "model.safetensors"), load_file(self.weights)
        query, key, value = (model[f"vit.encoder.layer.1.attention.attention.{part}.weight"]
                             for part in ("query", "key", "value"))
        self.assertTrue(torch.equal(torch.cat([query, key, value]), own["blocks.1.attn.qkv.weight"]))
        self.assertTrue(torch.equal(model["vit.embeddings.position_embeddings"], own["pos_embed"]))
        self.assertIn("decoder.decoder_layers.0.output.dense.bias", model)
        self.assertEqual(len(model), len(own) + 3 * 2 * 2)  # of each qkv two more
        config = json.loads((self.hub / "config.json").read_text())
        self.assertEqual((config["model_type"], config["layer_norm_eps"], config["mask_ratio"],
                          config["num_attention_heads"]), ("vit_mae", 1e-6, 0.5, 3))

    def test_all_namings_come_back_as_they_were(self):
        def memory(name):
            for old, new in ((".encoder.layer.", ".layers."), ("attention.attention.query", "attention.q_proj"),
                             ("attention.attention.key", "attention.k_proj"),
                             ("attention.attention.value", "attention.v_proj"),
                             ("attention.output.dense", "attention.o_proj"),
                             ("intermediate.dense", "mlp.fc1"), ("output.dense", "mlp.fc2")):
                name = name.replace(old, new)
            return name

        def saved(name):
            return name.replace("decoder.decoder_layers.", "decoder.decoder_encoder.layer.")

        for rename in (str, memory, saved):
            with self.subTest(rename.__name__):
                source, back = self.in_folder(rename), self.folder / "back.safetensors"
                self.succeed("convert", source / "model.safetensors", back, "--layout", "convmae")
                self.assert_same_tensors(back, self.weights)
                shutil.rmtree(source)

    def test_commands_take_the_folder_and_the_file(self):
        folder = self.in_folder()
        out = {}
        for source in (self.own, folder, folder / "model.safetensors"):
            path = self.folder / "out.npy"
            self.succeed("features", self.data, "--checkpoint", source, "--threads", 1, "--out", path)
            picture = self.folder / "out.png"
            self.succeed("reconstruct", "--checkpoint", source, "--out", picture, next(self.data.iterdir()))
            out[source] = path.read_bytes(), picture.read_bytes()
        self.assertEqual(len(set(out.values())), 1)
        result = self.succeed("finetune", "--init", folder / "model.safetensors", "--data", self.classes(),
                              "--out", self.run_directory, "--epochs", 1, "--warmup_epochs", 0,
                              "--batch_size", 10, "--threads", 1)
        self.assertIn("Hugging Face's ViTMAE", result.stderr)
        # And a pretraining run goes on from it.
        result = self.call("--data", self.data, "--out", self.folder / "next", *SIZES, "--lr", 0,
                           "--init", folder / "model.safetensors")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_same_tensors(self.folder / "next" / "weights.safetensors", self.weights)

    def classes(self):
        for name in ("a", "b"):
            shutil.copytree(self.data, self.folder / "classes" / name)
        return self.folder / "classes"

    def test_without_a_configuration_the_heads_are_asked_for(self):
        folder = self.in_folder(config=False)
        arguments = ("features", self.data, "--checkpoint", folder, "--threads", 1, "--out", self.folder / "f.npy")
        self.assert_user_error(run_program(*arguments), "--num_heads")
        self.succeed(*arguments, "--num_heads", 3)

    def test_inspect_recognises_it(self):
        report = json.loads(self.succeed("inspect", self.in_folder() / "model.safetensors", "--json").stdout)
        self.assertEqual(report["tensors"], len(load_file(self.hub / "model.safetensors")))
        found = report["architecture"]
        self.assertEqual((found["names"], found["method"], found["embed_dim"], found["depth"]),
                         ("vitmae", "mae", [24], [2]))
        self.assertEqual(found["decoder"], {"embed_dim": 16, "depth": 1, "mlp_ratio": 4})

    def test_errors_leave_nothing_behind(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        convmae = self.run_directory / "weights.safetensors"
        folder = self.folder / "out"
        folder.mkdir()
        for source, name, fragments in (
            (convmae, "model.safetensors", ("holds no MAE",)),
            (self.weights, "pytorch_model.bin", ("safetensors",)),
            (self.weights, "config.json", ("model.safetensors",)),
        ):
            arguments = ("--to", "safetensors") if name == "config.json" else ()
            result = run_program("convert", source, folder / name, "--layout", "vitmae", *arguments)
            self.assert_user_error(result, *fragments)
            self.assertEqual(list(folder.iterdir()), [])
        (folder / "config.json").write_text('{"model_type": "bert"}')
        result = run_program("convert", self.weights, folder / "model.safetensors", "--layout", "vitmae")
        self.assert_user_error(result, "config.json", "another model")
        self.assertEqual([path.name for path in folder.iterdir()], ["config.json"])


if __name__ == "__main__":
    unittest.main()
