#!/usr/bin/env python3
"""How long a run waited for its data, as `NAME VALUE UNIT`: bench/gpu_waiting.py RESULT, what `--json` printed."""

import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        epoch = json.load(file)["last_epoch"]
    print("images_per_second", round(epoch["images_per_second"], 1), "images/s")
    print("waited", round(epoch["data_share"] * epoch["seconds"], 3), f"s_of_{epoch['seconds']:.3g}")
    print("waited_share", round(100 * epoch["data_share"], 2), "%")


if __name__ == "__main__":
    main()
