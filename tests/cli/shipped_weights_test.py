"""`weights/fashion.safetensors`: small, of known origin, and pretrained indeed."""

import json
import unittest
from pathlib import Path

import numpy as np

from program import ProgramTest, metadata_of, run_program

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
FILE = WEIGHTS / "fashion.safetensors"


class ShippedWeights(ProgramTest):
    def call_on(self, command, *arguments):
        result = run_program(command, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_fills_in_what_was_removed_of_images_it_has_not_seen(self):
        told = json.loads(self.call_on("reconstruct", "--checkpoint", FILE, "--json", "--out", self.scratch / "picture.png",
                                       *sorted((WEIGHTS / "images").iterdir())))
        for image in told["images"]:
            self.assertLess(image["loss"], 0.9 * image["baseline_loss"], image)

    def test_its_features_and_an_exported_encoder(self):
        self.call_on("features", "--checkpoint", FILE, "--data", WEIGHTS / "images", "--pooled", "--out",
                     self.scratch / "vectors.npy")
        self.assertEqual(np.load(self.scratch / "vectors.npy").shape, (6, 128))
        self.call_on("export", FILE, self.scratch / "encoder.onnx", "--features")

    def test_says_where_it_comes_from(self):
        metadata = metadata_of(FILE)
        told = json.loads(metadata["convmae.provenance"])
        self.assertEqual((told["seed"], told["epochs"]), (0, 8))
        self.assertIn("--data data/fashion/pretrain", told["command"])
        self.assertNotIn(" /", json.dumps(metadata))  # no paths of the machine that made it
        self.assertLess(FILE.stat().st_size, 4e6)


if __name__ == "__main__":
    unittest.main()
