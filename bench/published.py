#!/usr/bin/env python3
"""Steps of the published Python code and of this program, in turn, on one thread: pretraining, fine-tuning, inference.

    bench/published.py --convmae CHECKOUT [--fastconvmae CHECKOUT] [--mae CHECKOUT] [--program build/convmae]

CHECKOUT is a clone of the published repository (github Alpha-VL/ConvMAE, Alpha-VL/FastConvMAE, facebookresearch/mae);
nothing of it is part of this tree. Needs a Python with torch, and with einops for --task detect. timm 0.3.2 does not run beside today's torch: what the
models use of it is stood in for, its transformer block and patch embedding by the same operations. Random images,
batch 8, the Base model, AdamW (fused), no drop path. --task finetune and inference take ConvMAE's classifier with
1,000 classes, models_convvit.ConvViT with global pooling; --task detect the encoder and the feature pyramid of its
detector (DET/models/convmae.py, the pyramid by detectron2's operations) at 1024x1024, batch 1. --precision bf16 compares the published code under CPU autocast. CPU time is
what the operating system counted for a whole process, and a step is the difference between a process of 2N and one
of N steps, so that start-up does not count. Memory is the peak of a whole process; an image's share of it is the
difference between processes of twice the batch and of the batch. Both sides run with huge pages for libtorch's
allocator and with glibc's thresholds raised, unless --plain_malloc leaves the published code without them.
"""

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import types

HUGE_PAGES = {"THP_MEM_ALLOC_ENABLE": "1"}
THRESHOLDS = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}


def stand_in_for_timm():
    """The names that the published files import from timm 0.3.2, with what pretraining uses of them."""
    import torch
    from torch import nn

    class PatchEmbed(nn.Module):
        def __init__(self, size, patch, channels, dim):
            super().__init__()
            self.num_patches = (size // patch) ** 2
            self.patch_size = (patch, patch)
            self.proj = nn.Conv2d(channels, dim, patch, patch)

        def forward(self, x):
            return self.proj(x).flatten(2).transpose(1, 2)

    class Attention(nn.Module):
        def __init__(self, dim, heads):
            super().__init__()
            self.heads = heads
            self.qkv = nn.Linear(dim, 3 * dim)
            self.proj = nn.Linear(dim, dim)

        def forward(self, x):
            batch, tokens, dim = x.shape
            q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            weights = (q @ k.transpose(-2, -1) * (dim // self.heads) ** -0.5).softmax(-1)
            return self.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, dim))

    class Block(nn.Module):
        def __init__(self, dim, heads, mlp_ratio, qkv_bias=True, qk_scale=None, norm_layer=nn.LayerNorm):
            super().__init__()
            self.norm1 = norm_layer(dim)
            self.attn = Attention(dim, heads)
            self.norm2 = norm_layer(dim)
            self.mlp = nn.Sequential(nn.Linear(dim, int(dim * mlp_ratio)), nn.GELU(), nn.Linear(int(dim * mlp_ratio), dim))

        def forward(self, x):
            x = x + self.attn(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    def module(name, **members):
        made = types.ModuleType(name)
        made.__dict__.update(members)
        sys.modules[name] = made

    unused = lambda *args, **kwargs: None
    module("timm")
    module("timm.data", IMAGENET_DEFAULT_MEAN=None, IMAGENET_DEFAULT_STD=None)
    module("timm.models")
    module("timm.models.helpers", load_pretrained=unused)
    module("timm.models.resnet", resnet26d=unused, resnet50d=unused)
    module("timm.models.registry", register_model=lambda f: f)
    module("timm.models.vision_transformer", PatchEmbed=PatchEmbed, Block=Block)
    module(
        "timm.models.layers",
        DropPath=nn.Identity,
        to_2tuple=lambda x: tuple(x) if isinstance(x, (tuple, list)) else (x, x),
        trunc_normal_=nn.init.trunc_normal_,
    )


def stand_in_for_detectron2():
    """The names that the published backbone imports from detectron2, and from timm for weights at start."""
    import torch

    class Backbone(torch.nn.Module):
        pass

    class Silent:
        def info(self, message):
            pass

    for name, members in {
        "detectron2": {},
        "detectron2.layers": {"ShapeSpec": None},
        "detectron2.modeling": {},
        "detectron2.modeling.backbone": {"Backbone": Backbone},
        "detectron2.utils": {},
        "detectron2.utils.logger": {"setup_logger": lambda name: Silent()},
    }.items():
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__dict__.update(members)
    sys.modules["timm.models.layers"].variance_scaling_ = lambda weight, **_: torch.nn.init.kaiming_normal_(weight)


def published_detector(batch_size, size=1024):
    """Encoder and feature pyramid of the first published detector, and the sum of all levels."""
    import torch
    from torch import nn

    stand_in_for_detectron2()
    sys.modules["models"] = package = types.ModuleType("models")  # its own file imports all of detectron2
    package.__path__ = [os.path.join(sys.path[0], "DET", "models")]
    module = importlib.import_module("models.convmae")

    class Pyramid(nn.Module):
        def __init__(self, widths=(256, 384, 768, 768), out=256):
            super().__init__()
            normed = lambda inner, kernel: nn.Sequential(nn.Conv2d(inner, out, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(out))
            self.lateral = nn.ModuleList(normed(width, 1) for width in widths)
            self.output = nn.ModuleList(normed(out, 3) for _ in widths)

        def forward(self, maps):
            top = None
            levels = []
            for lateral, output, x in reversed(list(zip(self.lateral, self.output, maps))):
                x = lateral(x)
                top = x if top is None else x + nn.functional.interpolate(top, scale_factor=2.0, mode="nearest")
                levels.append(output(top))
            return levels + [nn.functional.max_pool2d(levels[0], 1, 2)]

    model = nn.ModuleDict({"encoder": module.ConvViTDet(window_size=16, embed_dim=768, sincos_pos_embed=True, init_values=None),
                           "pyramid": Pyramid()})
    images = types.SimpleNamespace(tensor=torch.randn(batch_size, 3, size, size))
    return model, lambda: sum(level.sum() for level in model["pyramid"](model["encoder"](images).values()))


MODELS = {
    "convmae": ("models_convmae", "convmae_convvit_base_patch16"),
    "fastconvmae": ("models_fastconvmae", "fastconvmae_convvit_base_patch16"),
    "mae": ("models_mae", "mae_vit_base_patch16"),
}


def published_step(method, task, batch_size):
    """The published model and a function of it: a loss, or in inference the logits."""
    import torch

    images = torch.randn(batch_size, 3, 224, 224)
    if task == "detect":
        return published_detector(batch_size)
    if task == "pretrain":
        module, name = MODELS[method]
        model = getattr(importlib.import_module(module), name)()
        return model, lambda: model(images, mask_ratio=0.75)[0]
    model = importlib.import_module("models_convvit").convvit_base_patch16(num_classes=1000, global_pool=True)
    if task == "inference":
        model.eval()
        return model, lambda: model(images)
    target = torch.rand(batch_size, 1000).softmax(1)
    return model, lambda: -(target * torch.log_softmax(model(images), 1)).sum(1).mean()


def make_importable(checkout):
    """After this the checkout's modules can be imported."""
    import numpy

    numpy.float = float  # gone from NumPy since the code was written
    stand_in_for_timm()
    sys.path.insert(0, checkout)


def run_published(options):
    """The child process: so many steps of the published model."""
    import torch

    make_importable(options.checkout)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    training = options.task != "inference"
    torch.set_grad_enabled(training)
    model, forward = published_step(options.child, options.task, options.batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), fused=True) if training else None
    for _ in range(options.steps):
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
            loss = forward()
        if training:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def cpu_seconds(command, environment):
    """CPU time and peak memory of a whole process, by the system's accounting."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("failed: " + " ".join(command))
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def measure(commands, environment, options):
    """Per command (CPU seconds a step, peak bytes, bytes an image adds to the peak); the commands take turns."""
    seconds = {name: [] for name in commands}
    memory = {name: 0 for name in commands}
    image_memory = {}
    for _ in range(options.rounds):
        for name, command in commands.items():
            short, _ = cpu_seconds(command(options.batch_size, options.steps), environment[name])
            long, peak = cpu_seconds(command(options.batch_size, 2 * options.steps), environment[name])
            seconds[name].append((long - short) / options.steps)
            memory[name] = max(memory[name], peak)
    for name, command in commands.items():
        if options.task == "detect":  # two such images do not fit everywhere
            image_memory[name] = memory[name] / options.batch_size
            continue
        peaks = [cpu_seconds(command(size, 2), environment[name])[1]
                 for size in (options.batch_size, 2 * options.batch_size)]
        image_memory[name] = (peaks[1] - peaks[0]) / options.batch_size
    return {name: (statistics.median(seconds[name]), memory[name], image_memory[name]) for name in commands}


def compare(method, checkout, options):
    this = os.path.abspath(__file__)

    def published(batch_size, steps):
        return [sys.executable, this, "--child", method, "--checkout", checkout, "--task", options.task,
                "--precision", options.precision, "--batch_size", str(batch_size), "--steps", str(steps)]

    def ours(batch_size, steps):
        return [options.program, "bench", options.task, "--model", "base", "--batch_size", str(batch_size), "--steps", str(steps), "--threads", "1", "--gemm", options.gemm,
                "--precision", options.precision,
                *(["--backbone_alone"] if options.task == "detect" else ["--no_products", "--method", method])]

    base = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    tuned = dict(base, **HUGE_PAGES, **THRESHOLDS)
    environment = {"published": base if options.plain_malloc else tuned, "ours": base}
    result = measure({"published": published, "ours": ours}, environment, options)
    what = f"{method:<12} {options.task} {options.precision}"
    for name, (seconds, memory, image_memory) in result.items():
        print(f"{what} {name:<10} {seconds:8.3f} CPU s a step {memory / 1e6:8.0f} MB peak"
              f" {image_memory / 1e6:7.1f} MB an image")
    published_cost, our_cost = result["published"], result["ours"]
    print(f"{what} published / ours: {published_cost[0] / our_cost[0]:.2f} of the time, ours / published:"
          f" {our_cost[1] / published_cost[1]:.2f} of the peak memory, {our_cost[2] / published_cost[2]:.2f} of that of"
          " an image", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for method in MODELS:
        parser.add_argument("--" + method, metavar="CHECKOUT")
    parser.add_argument("--program", default="build/convmae")
    parser.add_argument("--task", choices=("pretrain", "finetune", "inference", "detect"), default="pretrain")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--batch_size", type=int, help="default: 8, in detection 1")
    parser.add_argument("--steps", type=int, default=3, help="N: processes of N and of 2N steps are compared")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gemm", default="auto")
    parser.add_argument("--plain_malloc", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--checkout", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.batch_size = options.batch_size or (1 if options.task == "detect" else 8)
    if options.child:
        run_published(options)
        return
    chosen = {method: getattr(options, method) for method in MODELS if getattr(options, method)}
    if not chosen:
        parser.error("name a checkout with --convmae, --fastconvmae or --mae")
    if options.task != "pretrain" and set(chosen) != {"convmae"}:
        parser.error("--task " + options.task + " is there for --convmae alone")
    for method, checkout in chosen.items():
        compare(method, os.path.abspath(checkout), options)


if __name__ == "__main__":
    main()
