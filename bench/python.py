#!/usr/bin/env python3
"""The Python package's modules beside the published network, in turn, on one thread: forward, or forward and backward.

    bench/python.py --convmae CHECKOUT [--task masked|features] [--precision fp32|bf16] [--forward]

CHECKOUT is a clone of github Alpha-VL/ConvMAE; nothing of it is part of this tree. `masked` is the encoder of pretraining
on a quarter of the blocks, batch 8; `features` the encoder on whole images, batch 4. ConvMAE-B, 224x224, random images and
weights; CPU seconds of this process, the median of rounds in which published code, native and plain modules take turns.
bf16: published code and modules under CPU autocast (`features`), or modules in bfloat16 throughout (`masked`, where the
published code, too, runs under autocast). CONVMAE_KERNELS says where the kernels are.
"""

import argparse
import importlib
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))


def published_pass(checkout, task):
    """A function from images to a number."""
    import numpy

    from published import stand_in_for_timm

    numpy.float = float  # gone from NumPy since the code was written
    stand_in_for_timm()
    sys.path.insert(0, os.path.abspath(checkout))
    if task == "masked":
        model = importlib.import_module("models_convmae").convmae_convvit_base_patch16()
        return model, lambda images: model.forward_encoder(images, 0.75)[0].float().square().mean()
    model = importlib.import_module("models_convvit").convvit_base_patch16(num_classes=0, global_pool=True)
    return model, lambda images: model.forward_features(images).float().square().mean()


def own_pass(task):
    import torch

    import convmae
    from convmae.masking import num_kept, sample_blocks

    model = convmae.create("convmae_base", "pretrain" if task == "masked" else "classify", num_classes=0)
    if task == "features":
        return model, lambda images: model(images).float().square().mean()

    def encode(images):
        blocks = model.config.num_blocks
        noise = torch.rand(len(images), blocks)
        visibility = sample_blocks(noise, num_kept(blocks, model.config.mask_ratio), model.config.grid)
        return model.encode(images, visibility).float().square().mean()

    return model, encode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--convmae", metavar="CHECKOUT", required=True)
    parser.add_argument("--task", choices=("masked", "features"), default="masked")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--forward", action="store_true", help="forward alone, without gradients")
    parser.add_argument("--batch_size", type=int, help="default: 8 masked, 4 features")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    import contextlib

    import torch

    import convmae

    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.set_grad_enabled(not options.forward)
    batch = options.batch_size or (8 if options.task == "masked" else 4)
    images = torch.randn(batch, 3, 224, 224)
    lowered = options.precision == "bf16"
    published = published_pass(options.convmae, options.task)
    own = own_pass(options.task)
    if lowered and options.task == "masked":
        own[0].bfloat16()
    ways = {"published": (*published, contextlib.nullcontext), "plain": (*own, convmae.plain)}
    if convmae.native_available():
        ways["native"] = (*own, contextlib.nullcontext)
    seconds = {name: [] for name in ways}
    for number in range(options.rounds + 1):
        for name, (model, forward, context) in ways.items():
            whole = lowered and name != "published" and options.task == "masked"
            model.zero_grad(set_to_none=True)
            began = time.process_time()
            with context(), torch.autocast("cpu", torch.bfloat16, enabled=lowered and not whole):
                loss = forward(images.bfloat16() if whole else images)
            if not options.forward:
                loss.backward()
            if number > 0:  # the first warms up
                seconds[name].append(time.process_time() - began)
    reference = statistics.median(seconds["published"])
    for name, taken in seconds.items():
        print(f"{options.task} {options.precision} {'forward' if options.forward else 'forward and backward':<20} {name:<10}"
              f" {statistics.median(taken):7.3f} CPU s  {statistics.median(taken) / reference:.2f} of the published")


if __name__ == "__main__":
    main()
