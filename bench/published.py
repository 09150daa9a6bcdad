#!/usr/bin/env python3
"""Pretraining steps of the published Python code and of this program, in turn, on one thread.

    bench/published.py --convmae CHECKOUT [--fastconvmae CHECKOUT] [--program build/convmae]

CHECKOUT is a clone of the published repository (github Alpha-VL/ConvMAE, Alpha-VL/FastConvMAE); nothing of it is
part of this tree. Needs a Python with torch; timm is stood in for, as the models use only its drop path and an
initialiser. Random images, batch 8, the Base model, AdamW (fused). CPU time is what the operating system counted for
a whole process, and a step is the difference between a process of 2N and one of N steps, so that start-up does
not count. Both sides run with huge pages for libtorch's allocator and with glibc's thresholds raised, unless
--plain_malloc leaves the published code without them.
"""

import argparse
import os
import statistics
import subprocess
import sys
import types

HUGE_PAGES = {"THP_MEM_ALLOC_ENABLE": "1"}
THRESHOLDS = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}


def stand_in_for_timm():
    """The names that the published files import from timm 0.3.2; pretraining calls few of them."""
    import torch

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
    module(
        "timm.models.layers",
        DropPath=torch.nn.Identity,
        to_2tuple=lambda x: tuple(x) if isinstance(x, (tuple, list)) else (x, x),
        trunc_normal_=torch.nn.init.trunc_normal_,
    )


def run_published(checkout, method, batch_size, steps):
    """The child process: trains the published model for so many steps."""
    import numpy
    import torch

    numpy.float = float  # gone from NumPy since the code was written
    stand_in_for_timm()
    sys.path.insert(0, checkout)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if method == "convmae":
        from models_convmae import convmae_convvit_base_patch16 as make
    else:
        from models_fastconvmae import fastconvmae_convvit_base_patch16 as make
    model = make()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), fused=True)
    images = torch.randn(batch_size, 3, 224, 224)
    for _ in range(steps):
        loss = model(images, mask_ratio=0.75)[0]
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


def measure(commands, environment, steps, rounds):
    """Per command the median CPU seconds a step and the peak memory; the commands take turns."""
    seconds = {name: [] for name in commands}
    memory = {name: 0 for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            short, _ = cpu_seconds(command(steps), environment[name])
            long, peak = cpu_seconds(command(2 * steps), environment[name])
            seconds[name].append((long - short) / steps)
            memory[name] = max(memory[name], peak)
    return {name: (statistics.median(values), memory[name]) for name, values in seconds.items()}


def compare(method, checkout, options):
    this = os.path.abspath(__file__)
    published = lambda steps: [sys.executable, this, "--child", method, "--checkout", checkout,
                               "--batch_size", str(options.batch_size), "--steps", str(steps)]
    ours = lambda steps: [options.program, "bench", "pretrain", "--model", "base", "--method", method,
                          "--batch_size", str(options.batch_size), "--steps", str(steps), "--threads", "1",
                          "--gemm", options.gemm]
    base = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    tuned = dict(base, **HUGE_PAGES, **THRESHOLDS)
    environment = {"published": base if options.plain_malloc else tuned, "ours": base}
    result = measure({"published": published, "ours": ours}, environment, options.steps, options.rounds)
    for name, (seconds, memory) in result.items():
        print(f"{method:<12} {name:<10} {seconds:8.3f} CPU s a step {memory / 1e6:8.0f} MB peak")
    ratio = result["published"][0] / result["ours"][0]
    print(f"{method:<12} published / ours: {ratio:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--convmae", metavar="CHECKOUT")
    parser.add_argument("--fastconvmae", metavar="CHECKOUT")
    parser.add_argument("--program", default="build/convmae")
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3, help="N: processes of N and of 2N steps are compared")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gemm", default="auto")
    parser.add_argument("--plain_malloc", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--checkout", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_published(options.checkout, options.child, options.batch_size, options.steps)
        return
    if not options.convmae and not options.fastconvmae:
        parser.error("name a checkout with --convmae or --fastconvmae")
    for method in ("convmae", "fastconvmae"):
        checkout = getattr(options, method)
        if checkout:
            compare(method, os.path.abspath(checkout), options)


if __name__ == "__main__":
    main()
