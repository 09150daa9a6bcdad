#!/usr/bin/env python3
"""What a device can do at most, by torch alone: copying, a large product, and every product of a pretraining step.

    bench/gpu_limits.py --program build/convmae [--device cuda] [--model base] [--batch_size 256]

The shapes of the products are those that the program counts in a step of one image on the CPU; the rows grow with the
batch. They are multiplied in bfloat16, weight gradients with float32 sums as results. Prints `NAME VALUE UNIT`.
"""

import argparse
import json
import subprocess

import torch
from gpu_clock import seconds_of


def products(options):
    """Of a step of one image: (kind, rows, in, out, calls)."""
    command = [options.program, "bench", "pretrain", "--device", "cpu", "--model", options.model, "--batch_size", "1",
               "--steps", "1", "--no_products", "--json"]
    report = json.loads(subprocess.check_output(command))
    return [(p["kind"], p["rows"], p["in"], p["out"], p["calls"]) for p in report["products"]]


def product(kind, rows, inputs, outputs, device):
    """A function that multiplies once."""
    def random(*shape):
        return torch.randn(*shape, device=device, dtype=torch.bfloat16)

    x, grad, weight = random(rows, inputs), random(rows, outputs), random(outputs, inputs)
    if kind == "forward":
        return lambda: torch.nn.functional.linear(x, weight)
    if kind == "input gradient":
        return lambda: torch.mm(grad, weight)
    if device == "cpu":  # has no results of another type than the factors
        return lambda: torch.mm(grad.t(), x)
    return lambda: torch.mm(grad.t(), x, out_dtype=torch.float32)


def copied_bytes_a_second(options):
    source = torch.randn(options.side**2 * 16, device=options.device)
    target = torch.empty_like(source)
    seconds = seconds_of(lambda: target.copy_(source), options.device)
    return 2 * source.numel() * source.element_size() / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/convmae")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--model", default="base")
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--side", type=int, default=8192, help="of the large product; 64 bytes times its square are copied")
    options = parser.parse_args()
    if options.device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        print("device", properties.name.replace(" ", "_"), "name")
        print("multiprocessors", properties.multi_processor_count, "of_the_device")
    print("copy", round(copied_bytes_a_second(options) / 1e9, 1), "GB/s")
    side = options.side
    square = 2 * side**3 / seconds_of(product("forward", side, side, side, options.device), options.device)
    print("square", round(square / 1e12, 3), f"TFLOP/s_of_{side}", flush=True)
    total_seconds = total_flops = 0
    for kind, rows, inputs, outputs, calls in products(options):
        rows *= options.batch_size
        seconds = seconds_of(product(kind, rows, inputs, outputs, options.device), options.device, repeats=5)
        flops = 2 * rows * inputs * outputs
        total_seconds += calls * seconds
        total_flops += calls * flops
        print(f"{kind.replace(' ', '_')}_{rows}x{inputs}x{outputs}", round(flops / seconds / 1e12, 3),
              f"TFLOP/s_{calls}_times_a_step", flush=True)
    print("products", round(1e3 * total_seconds, 3), "ms_a_step")
    print("products_an_image", round(total_flops / options.batch_size / 1e9, 3), "GFLOP")


if __name__ == "__main__":
    main()
