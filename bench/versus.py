#!/usr/bin/env python3
"""Two builds of this program in turn, on one thread, by CPU time: does a change cost anything?

    bench/versus.py BEFORE AFTER [--pairs 12] [--model base] [--only TASK,...] [--limit 1.02]

BEFORE and AFTER are programs (build/convmae of two trees). Each task runs as one process of each, in alternating order,
so often as --pairs says; a pair gives one ratio after / before of the CPU seconds that `convmae bench` counts for a step,
or for an image in `data`. Printed are the median of the ratios and the interval that holds the true median with at least
90 % by order statistics (no assumption about how the noise is distributed). A task is slower if the median is above
--limit and the interval leaves --limit out; then the exit code is 1. Pin it to one CPU: taskset -c 1 bench/versus.py ...
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys

# name: arguments of `convmae bench`
TASKS = {
    "step": ["pretrain"],
    "step-bf16": ["pretrain", "--precision", "bf16"],
    "finetune": ["finetune"],
    "inference": ["inference"],
    "data": ["data"],
}


def cpu_seconds(program, task, options):
    command = [program, "bench", *TASKS[task], "--json"]
    if task == "data":
        command += ["--images", str(options.images)]
    else:
        command += ["--model", options.model, "--batch_size", str(options.batch_size), "--steps", str(options.steps),
                    "--threads", "1", "--no_products"]
    environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(" ".join(command) + ": " + result.stderr.strip())
    measured = json.loads(result.stdout)
    if task == "data":
        return measured["cpu_seconds_per_image"]["to_float"]
    return measured["cpu_seconds_per_step"]


def interval(values, confidence=0.9):
    """The narrowest pair of order statistics, alike on both sides, around the median with that confidence."""
    values = sorted(values)
    n = len(values)
    for k in range((n - 1) // 2, -1, -1):
        # The median lies outside with the probability that at most k of n fair coins show heads, twice.
        outside = 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n
        if 1 - outside >= confidence:
            return values[k], values[n - 1 - k]
    return values[0], values[-1]


def compare(task, options):
    ratios, before_seconds = [], []
    for pair in range(options.pairs):
        order = ("before", "after") if pair % 2 == 0 else ("after", "before")
        seconds = {which: cpu_seconds(getattr(options, which), task, options) for which in order}
        ratios.append(seconds["after"] / seconds["before"])
        before_seconds.append(seconds["before"])
    middle = statistics.median(ratios)
    low, high = interval(ratios)
    slower = middle > options.limit and not low <= options.limit <= high
    print(f"{task:<10} before {statistics.median(before_seconds):9.5f} CPU s   after / before {middle:.3f}"
          f"   90 % {low:.3f} to {high:.3f}   {options.pairs} pairs   {'SLOWER' if slower else 'ok'}", flush=True)
    return slower


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--limit", type=float, default=1.02)
    parser.add_argument("--model", default="base")
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--only", help="tasks, with commas between: " + ", ".join(TASKS))
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else list(TASKS)
    for task in chosen:
        if task not in TASKS:
            parser.error(f"no task is named {task}: choose from " + ", ".join(TASKS))
    version = subprocess.run([options.after, "--version"], capture_output=True, text=True, check=True).stdout
    print(next((line.strip() for line in version.splitlines() if line.strip().startswith("cpu: ")), version.strip()))
    slower = False
    for task in chosen:
        try:
            slower |= compare(task, options)
        except RuntimeError as error:
            if task != "step-bf16":
                sys.exit(str(error))
            print(f"{task:<10} left out: {error}")  # not every CPU multiplies bfloat16
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main()
