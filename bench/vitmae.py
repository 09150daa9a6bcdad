#!/usr/bin/env python3
"""Hugging Face's ViTMAE beside this program, on the same weights: what both make of images, and the way there and back.

    bench/vitmae.py [--program build/convmae] [--size base]

Needs torch, transformers, safetensors, numpy and Pillow. A random MAE of the package in python/ becomes a folder by
`convmae convert --layout vitmae`. Compared are, relative to the largest value: the tokens of ViTMAEModel on whole images
with the maps of `convmae features`, and the loss of ViTMAEForPreTraining with that of the package; then all weights, bit by
bit, as ViTMAE has them in memory, as it saves them, and as `convert --layout convmae` makes them of either.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import ViTMAEForPreTraining, ViTMAEModel

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))
import convmae  # noqa: E402

transformers.utils.logging.set_verbosity_error()  # else it lists the decoder that ViTMAEModel leaves aside


def apart(found, expected):
    return ((found - expected).abs().max() / expected.abs().max()).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="build/convmae")
    parser.add_argument("--size", default="base", help="nano, tiny, small, base, large, huge")
    options = parser.parse_args()
    torch.manual_seed(0)
    model = convmae.create("mae_" + options.size, task="pretrain").eval()
    weights = {name: value + 0.02 * torch.randn_like(value) for name, value in model.state_dict().items()}
    model.load_state_dict(weights)

    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        folder = Path(folder)

        def run(*arguments):
            subprocess.run([options.program, *map(str, arguments)], check=True, capture_output=True)

        save_file(weights, folder / "own.safetensors")
        for name in ("hub", "photos"):
            (folder / name).mkdir()
        run("convert", folder / "own.safetensors", folder / "hub/model.safetensors", "--layout", "vitmae")

        # Of such a size that the program resizes nothing: it cuts out the middle.
        size = model.config.img_size[0]
        edge = (size * 256 // 224 - size) // 2
        pixels = numpy.random.default_rng(0).integers(0, 256, (2, size + 2 * edge, size + 2 * edge, 3), dtype=numpy.uint8)
        for number, image in enumerate(pixels):
            Image.fromarray(image).save(folder / "photos" / f"{number}.png")
        middle = torch.from_numpy(pixels[:, edge:-edge, edge:-edge]).permute(0, 3, 1, 2) / 255
        images = model.preprocessing(middle)

        # Noise in order, as ViTMAE shuffles even the tokens that it keeps all.
        whole = ViTMAEModel.from_pretrained(folder / "hub", mask_ratio=0.0).eval()
        blocks = whole.config.image_size ** 2 // whole.config.patch_size ** 2
        tokens = whole(images, noise=torch.arange(blocks).expand(2, -1).float()).last_hidden_state[:, 1:]
        for source in ("own.safetensors", "hub"):
            run("features", folder / "photos", "--checkpoint", folder / source, "--out", folder / "maps.npy")
            maps = torch.from_numpy(numpy.load(folder / "maps.npy")).flatten(2).mT
            print(f"tokens of ViTMAEModel, features of {source}: {apart(tokens, maps):.1e}")

        hub = ViTMAEForPreTraining.from_pretrained(folder / "hub").eval()
        noise = torch.rand(2, blocks)
        print(f"loss: {apart(hub(images, noise=noise).loss, model(images, noise)):.1e}")

        hub.save_pretrained(folder / "saved")
        torch.save(hub.state_dict(), folder / "memory.pth")
        for source in ("hub/model.safetensors", "saved/model.safetensors", "memory.pth"):
            run("convert", folder / source, folder / "back.safetensors", "--layout", "convmae")
            back = load_file(folder / "back.safetensors")
            same = back.keys() == weights.keys() and all(torch.equal(back[name], weights[name]) for name in weights)
            print(f"weights back from {source}: {'bit-equal' if same else 'NOT EQUAL'}")


if __name__ == "__main__":
    main()
