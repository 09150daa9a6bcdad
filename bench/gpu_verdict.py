#!/usr/bin/env python3
"""What the results of bench/gpu.sh come to: each figure that is wanted, and whether it is reached.

    bench/gpu_verdict.py results.txt
"""

import sys

# name: its value of a function that finds `STAGE NAME`, the bound, and whether that is the least or the most
FIGURES = {
    "eager_ratio": (lambda of: of("step images_per_second") / of("eager images_per_second"), 3, "least"),
    "compiled_ratio": (lambda of: of("step images_per_second") / of("compiled images_per_second"), 1.8, "least"),
    "share_of_square": (lambda of: of("step images_per_second") * of("limits products_an_image") / 1e3 / of("limits square"),
                        0.38, "least"),
    "share_of_products": (lambda of: of("limits products") / of("step step"), 0.55, "least"),
    "activations_ratio": (lambda of: of("step activations") / of("eager activations"), 0.35, "most"),
    "waited_share": (lambda of: of("jpeg waited_share"), 2, "most"),
    "golden_misses": (lambda of: of("golden miss"), 0, "most"),
    "curve_last": (lambda of: of("curve last_50"), 0.01, "most"),
    "repeatable": (lambda of: of("ranks repeatable"), 1, "least"),
    "memory_errors": (lambda of: of("sanitizer errors"), 0, "most"),
}


def main():
    found = {}
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            _, stage, name, value, *_ = line.split()
            found[f"{stage} {name}"] = value
    for name, (figure, bound, side) in FIGURES.items():
        try:
            value = figure(lambda key: float(found[key]))
        except KeyError as missing:
            print(f"gpu: verdict {name} unknown for_want_of_{missing.args[0].replace(' ', '_')}")
            continue
        reached = value >= bound if side == "least" else value <= bound
        print(f"gpu: verdict {name} {value:.4g} {'reached' if reached else 'missed'},_{side}_{bound}")


if __name__ == "__main__":
    main()
