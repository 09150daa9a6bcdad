#!/usr/bin/env python3
"""Holds the losses of a run against those of another, by default against the carried ones of a CPU.

    bench/gpu_curve.py RUN/steps.jsonl [--like OTHER/steps.jsonl] [--record]

Rounding alone tells two devices apart at first, and what it has grown to later: of the first ten steps the largest
relative difference is printed and may be a thousandth, of the mean of the last quarter it may be a hundredth.
--record makes the run the carried one, bench/gpu_curve.csv.
"""

import argparse
import json
import math
import statistics
import sys
from pathlib import Path

CARRIED = Path(__file__).with_name("gpu_curve.csv")
FIRST, FIRST_LIMIT, LAST_LIMIT = 10, 1e-3, 1e-2


def losses(path):
    lines = Path(path).read_text().splitlines()
    if Path(path).suffix == ".csv":
        return [float(line.split(",")[1]) for line in lines[1:]]
    return [json.loads(line)["loss"] for line in lines]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--like", default=CARRIED)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    run = losses(options.run)
    if options.record:
        rows = [f"{step},{loss:.7g}" for step, loss in enumerate(run, 1)]
        CARRIED.write_text("\n".join(["step,loss", *rows]) + "\n")
    other = losses(options.like)
    if len(run) != len(other) or not run:
        sys.exit(f"{options.run} has {len(run)} steps and {options.like} {len(other)}")
    first = max(abs(a / b - 1) for a, b in zip(run[:FIRST], other[:FIRST]))
    quarter = -(-len(run) // 4)
    last = abs(statistics.mean(run[-quarter:]) / statistics.mean(other[-quarter:]) - 1)
    print("last_loss", run[-1], "loss")
    print(f"first_{FIRST}", f"{first:.2e}", f"of_{FIRST_LIMIT}")
    print(f"last_{quarter}", f"{last:.2e}", f"of_{LAST_LIMIT}")
    sys.exit(0 if all(map(math.isfinite, run)) and first <= FIRST_LIMIT and last <= LAST_LIMIT else 1)


if __name__ == "__main__":
    main()
