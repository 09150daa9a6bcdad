#!/usr/bin/env python3
"""A pretraining step of this program, and the kernels that it consists of, as `NAME VALUE UNIT`.

    bench/gpu_step.py [--program build/convmae] [--kernels 25] -- FLAGS OF convmae bench pretrain
"""

import argparse
import json
import re
import subprocess


def words_of(kernel):
    """A kernel's name without what says nothing, and without blanks."""
    name = re.sub(r"\(anonymous namespace\)::|^void |at::native::", "", kernel)
    return re.sub(r"[^\w:<>,*.]+", "_", name)[:100]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/convmae")
    parser.add_argument("--kernels", type=int, default=25, help="that are named, the longest")
    parser.add_argument("flags", nargs="*", metavar="FLAGS")
    options = parser.parse_args()
    report = json.loads(subprocess.check_output(
        [options.program, "bench", "pretrain", "--no_products", "--profile", "--json", *options.flags]))
    print("step", round(1e3 * report["wall_seconds_per_step"], 2), "ms")
    print("images_per_second", round(report["images_per_second"], 1), "images/s")
    print("host", round(1e3 * report["cpu_seconds_per_step"], 2), "CPU_ms")
    print("activations", round(report["activation_bytes_per_image"] / 1e6, 2), "MB_an_image")
    if "peak_device_bytes" in report:
        print("device_peak", round(report["peak_device_bytes"] / 1e6), "MB")
    kernels = report["kernels"]
    print("kernels", sum(kernel["calls"] for kernel in kernels), "calls")
    print("in_kernels", round(1e3 * sum(kernel["seconds"] for kernel in kernels), 2), "ms")
    for kernel in kernels[: options.kernels]:
        print(words_of(kernel["name"]), round(1e3 * kernel["seconds"], 3), f"ms_in_{kernel['calls']}_calls")


if __name__ == "__main__":
    main()
