#!/usr/bin/env python3
"""Pretraining steps of the published ConvMAE on a GPU as its own script takes them, also compiled.

    bench/gpu_published.py --checkout CHECKOUT [--compiled] [--batch_size 256] [--steps 10]

CHECKOUT is a clone of the published repository, or its models_convmae.py, vision_transformer.py and
util/pos_embed.py alone; what it needs of timm is stood in for as in published.py. A step is that of
engine_pretrain.py: autocast to float16 with a scaled loss, which is read back, the norm of the gradients, AdamW, and
waiting for the device. Random images, the Base model. Prints `NAME VALUE UNIT`.
"""

import argparse
import importlib
import sys
import time
from pathlib import Path

import torch
from gpu_clock import seconds_of

from published import MODELS, make_importable

SMALL = {"img_size": [224, 56, 28], "patch_size": [4, 2, 2], "embed_dim": [32, 48, 64], "depth": [1, 1, 1],
         "num_heads": 4, "mlp_ratio": [4, 4, 4], "decoder_embed_dim": 64, "decoder_depth": 1, "decoder_num_heads": 4}


class Training:
    def __init__(self, options):
        self.device = options.device
        module, name = MODELS["convmae"]
        module = importlib.import_module(module)
        model = module.MaskedAutoencoderConvViT(**SMALL) if options.small else getattr(module, name)()
        model.to(self.device)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.05)
        self.scaler = torch.amp.GradScaler(self.device, enabled=self.device != "cpu")
        self.model = torch.compile(model, backend=options.backend) if options.compiled else model
        self.images = torch.randn(options.batch_size, 3, 224, 224, device=self.device)

    def loss(self):
        # The CPU's autocast is tried with the type that it has kernels for.
        kind = torch.bfloat16 if self.device == "cpu" else torch.float16
        with torch.autocast(self.device, kind):
            return self.model(self.images, mask_ratio=0.75)[0]

    def step(self):
        loss = self.loss()
        value = loss.item()
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        torch.stack([p.grad.detach().norm(2) for p in self.parameters]).norm(2)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        return value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", required=True)
    parser.add_argument("--compiled", action="store_true", help="by torch.compile, as it is without options")
    parser.add_argument("--backend", default="inductor", help="of torch.compile")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=10, help="that are measured, after three others")
    parser.add_argument("--small", action="store_true", help="a model of three blocks")
    options = parser.parse_args()
    if not (Path(options.checkout) / "models_convmae.py").is_file():
        sys.exit(f"no models_convmae.py in {options.checkout}: name a clone of the published repository")
    make_importable(options.checkout)
    torch.manual_seed(0)
    training = Training(options)
    begin = time.perf_counter()
    print("first_loss", round(training.step(), 5), "loss")
    print("first_step", round(time.perf_counter() - begin, 1), "s", flush=True)
    seconds = seconds_of(training.step, options.device, options.steps)
    print("step", round(1e3 * seconds, 2), "ms")
    print("images_per_second", round(options.batch_size / seconds, 1), "images/s")
    if options.device == "cuda":
        print("device_peak", round(torch.cuda.max_memory_allocated() / 1e6), "MB")
        before = torch.cuda.memory_allocated()
        loss = training.loss()
        kept = (torch.cuda.memory_allocated() - before) / options.batch_size
        print("activations", round(kept / 1e6, 2), "MB_an_image", flush=True)
        del loss


if __name__ == "__main__":
    main()
