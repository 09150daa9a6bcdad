"""`convmae inspect`: what is in a file, told without running any of it."""

import hashlib
import json
import os
import unittest
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from program import ProgramTest, checkpoints, run_program

GOLDEN = Path(os.environ.get("CONVMAE_GOLDEN", Path(__file__).parents[1] / "golden"))


def published_model(name="convmae_convvit_base_patch16 (pretrain)", scale=8):
    """The published names, with widths divided so that the file stays small."""
    models = json.loads((GOLDEN / "keys_models.json").read_text())
    return {
        key: torch.zeros([side // scale if side % 128 == 0 else side for side in shape],
                         dtype=getattr(torch, dtype))
        for key, shape, dtype in models[name]["state_dict"]
    }


class Inspect(ProgramTest):
    def inspect(self, path):
        result = run_program("inspect", path, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_published_checkpoint(self):
        for name in ("checkpoint_legacy", "checkpoint_torch18_cuda"):
            path = GOLDEN / "pth" / f"{name}.pth"
            report = self.inspect(path)
            self.assertEqual(report["sha256"], hashlib.sha256(path.read_bytes()).hexdigest())
            self.assertEqual(report["bytes"], path.stat().st_size)
            self.assertEqual(report["location"], "model")
            self.assertEqual(report["tensors"], 107)
            self.assertTrue(report["optimizer"])
            self.assertEqual(report["arguments"]["model"], "convmae_convvit_base_patch16")
            self.assertIs(report["arguments"]["norm_pix_loss"], True)
            found = report["architecture"]
            self.assertEqual(found["encoder"], "convmae")
            self.assertEqual(found["embed_dim"], [8, 12, 20])
            self.assertEqual(found["depth"], [2, 1, 2])
            self.assertEqual(found["mlp_ratio"], [2, 2, 2])
            self.assertEqual(found["patch_size"], [4, 2, 2])
            self.assertEqual(found["decoder"], {"embed_dim": 16, "depth": 1, "mlp_ratio": 2})
        expected = torch.load(path, weights_only=False, map_location="cpu")
        self.assertEqual(report["epoch"], expected["epoch"])
        self.assertEqual(report["parameters"], sum(v.numel() for v in expected["model"].values()))

    def test_the_method_is_told_where_the_file_tells_it(self):
        weights = {"model": published_model()}
        for arguments, expected in (({}, "convmae or fastconvmae, whose weights look alike"),
                                    ({"args": {"model": "fastconvmae_convvit_base_patch16"}},
                                     "fastconvmae"),
                                    ({"args": {"model": "convmae_convvit_base_patch16"}},
                                     "convmae")):
            path = self.folder / "method.pth"
            torch.save({**weights, **arguments}, path)
            self.assertEqual(self.inspect(path)["architecture"]["method"], expected)
            converted = self.folder / "method.safetensors"
            self.assertEqual(run_program("convert", path, converted).returncode, 0)
            self.assertEqual(self.inspect(converted)["architecture"]["method"], expected)

    def test_wrappers_and_heads(self):
        model = published_model("convvit_base_patch16 (finetune, global_pool=True)")
        path = self.folder / "wrapped.pth"
        torch.save({"state_dict": {"module." + k: v for k, v in model.items()}}, path)
        report = self.inspect(path)
        self.assertEqual(report["location"], "state_dict")
        self.assertEqual(report["stripped_prefix"], "module.")
        self.assertEqual(report["architecture"]["heads"], ["classification (1000 classes)"])
        self.assertIsNone(report["architecture"]["decoder"])
        self.assertIsNone(report["epoch"])

    def test_own_checkpoints(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        weights = self.inspect(self.run_directory / "weights.safetensors")
        training = self.inspect(checkpoints(self.run_directory)[-1])
        self.assertEqual(weights["architecture"], training["architecture"])
        self.assertEqual(weights["parameters"], training["parameters"])
        self.assertEqual([weights["optimizer"], training["optimizer"]], [False, True])
        self.assertEqual(training["epoch"], 1)
        self.assertEqual(training["metadata"]["convmae.model"]["embed_dim"], [8, 12, 16])

    def test_large_files_are_hashed_when_asked(self):
        path = self.folder / "large.safetensors"
        save_file({"w": np.zeros(9 << 20, np.float32)}, path)
        self.assertIsNone(self.inspect(path)["sha256"])
        self.assertIn("not computed for a file over 32 MiB; --sha256", run_program("inspect", path).stdout)
        result = run_program("inspect", path, "--json", "--sha256")
        self.assertEqual(json.loads(result.stdout)["sha256"],
                         hashlib.sha256(path.read_bytes()).hexdigest())

    def test_text_has_the_same(self):
        path = GOLDEN / "pth" / "checkpoint_legacy.pth"
        text = run_program("inspect", path).stdout
        for fragment in ("sha256: ", "embed_dim: 8 12 20", "model: convmae_convvit_base_patch16"):
            self.assertIn(fragment, text)

    def test_other_models_are_listed_without_an_architecture(self):
        path = self.folder / "other.safetensors"
        save_file({"conv.weight": np.zeros((4, 3, 3, 3), np.float16)}, path)
        report = self.inspect(path)
        self.assertIsNone(report["architecture"])
        self.assertEqual(report["dtypes"], {"float16": 1})
        self.assertEqual(report["parameters"], 108)

    def test_what_a_file_says_cannot_write_to_the_terminal(self):
        path = self.folder / "escape.pth"
        torch.save({"model": {"w": torch.zeros(1)}, "args": {"a\x1b[2J": "b\x1b]0;x\x07\nfake: 1"}},
                   path)
        result = run_program("inspect", path)
        self.assertEqual(result.returncode, 0)
        self.assertNotIn("\x1b", result.stdout)
        self.assertNotIn("\nfake", result.stdout)

    def test_deep_metadata_is_no_stack_overflow(self):
        path = self.folder / "deep.safetensors"
        save_file({"w": np.zeros(1, np.float32)}, path,
                  {"convmae.model": "[" * 1000000 + "]" * 1000000})
        self.assertEqual(run_program("inspect", path, "--json").returncode, 0)
        self.assertEqual(run_program("inspect", path).returncode, 0)

    def test_hostile_files_are_refused_and_leave_nothing_behind(self):
        manifest = json.loads((GOLDEN / "pth_bad" / "manifest.json").read_text())
        for name, entry in manifest.items():
            with self.subTest(name=name):
                result = run_program("inspect", GOLDEN / "pth_bad" / name, cwd=self.folder)
                if entry["must"] == "load":
                    self.assertEqual(result.returncode, 0, result.stderr)
                else:
                    self.assert_user_error(result, name)
                    self.assertEqual(len(result.stderr.splitlines()), 1)
                    self.assertEqual(result.stdout, "")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_no_weights_at_all(self):
        for name, content in (("empty", b""), ("text", b"hello world, not weights"),
                              ("short.safetensors", b"\x00" * 7)):
            path = self.folder / name
            path.write_bytes(content)
            self.assert_user_error(run_program("inspect", path), name)
        self.assert_user_error(run_program("inspect", self.folder / "none"), "none")
        self.assert_user_error(run_program("inspect", self.folder))


if __name__ == "__main__":
    unittest.main()
