#!/usr/bin/env python3
"""The image pipeline with Pillow (and torch for the float part) and of this program, in turn, on one thread.

    bench/pillow.py [--program build/convmae] [--data FOLDER] [--images 500] [--rounds 5]

Both programs take the same JPEGs (the program's generated ones of 500x375, or those of FOLDER) to crops of 224x224
and count the CPU time of their own loops. The crops and operations of both are drawn from the same distributions.
Four pipelines: `uint8` decodes, crops and resizes; `float` also mirrors and normalises, as pretraining does; `fast`
compares the same Pillow code with --fast_decode; `full` is the published fine-tuning augmentation: crops from 8 % of
the area, two RandAugment operations, random erasing.
"""

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

SIDE = 224
FILL = (124, 116, 104)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def draw_crop(rng, width, height, min_scale):
    for _ in range(10):
        area = width * height * rng.uniform(min_scale, 1)
        ratio = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = rng.randint(0, width - w), rng.randint(0, height - h)
            return left, top, left + w, top + h
    return 0, 0, width, height


def augmentations():
    """RandAugment's operations by name: functions of an image, a level in 0..1 and a sign."""
    from PIL import Image, ImageEnhance, ImageOps

    def affine(matrix):
        def apply(image, level, sign):
            coefficients = matrix(level * sign, *image.size)
            return image.transform(image.size, Image.Transform.AFFINE, coefficients,
                                   Image.Resampling.BICUBIC, fillcolor=FILL)
        return apply

    def enhance(kind):
        return lambda image, level, sign: kind(image).enhance(1 + 0.9 * level * sign)

    def rotate(image, level, sign):
        return image.rotate(30 * level * sign, resample=Image.Resampling.BICUBIC, fillcolor=FILL)

    def solarize_add(image, level, _):
        table = [min(255, v + int(110 * level)) if v < 128 else v for v in range(256)]
        return image.point(table * 3)

    return [
        lambda image, level, sign: ImageOps.autocontrast(image),
        lambda image, level, sign: ImageOps.equalize(image),
        lambda image, level, sign: ImageOps.invert(image),
        rotate,
        lambda image, level, sign: ImageOps.posterize(image, 4 - int(4 * level)),
        lambda image, level, sign: ImageOps.solarize(image, 256 - int(256 * level)),
        solarize_add,
        enhance(ImageEnhance.Color),
        enhance(ImageEnhance.Contrast),
        enhance(ImageEnhance.Brightness),
        enhance(ImageEnhance.Sharpness),
        affine(lambda v, w, h: (1, 0.3 * v, 0, 0, 1, 0)),
        affine(lambda v, w, h: (1, 0, 0, 0.3 * v, 1, 0)),
        affine(lambda v, w, h: (1, 0, 0.45 * v * w, 0, 1, 0)),
        affine(lambda v, w, h: (1, 0, 0, 0, 1, 0.45 * v * h)),
    ]


def rand_augment(image, operations, rng):
    for _ in range(2):
        operation = rng.choice(operations)
        if rng.random() < 0.5:
            level = min(max(rng.gauss(9, 0.5), 0), 10) / 10
            image = operation(image, level, rng.choice((-1, 1)))
    return image


def erase(tensor, rng):
    if rng.random() >= 0.25:
        return
    _, height, width = tensor.shape
    for _ in range(10):
        area = rng.uniform(0.02, 1 / 3) * height * width
        ratio = math.exp(rng.uniform(math.log(0.3), math.log(1 / 0.3)))
        h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if h < height and w < width:
            top, left = rng.randint(0, height - h), rng.randint(0, width - w)
            tensor[:, top : top + h, left : left + w] = tensor.new_empty(3, h, w).normal_()
            return


def run_pillow(pipeline, folder, count):
    """The child process: prints the CPU seconds an image."""
    import numpy as np
    import torch
    from PIL import Image

    torch.set_num_threads(1)
    mean = torch.tensor(MEAN).view(3, 1, 1)
    std = torch.tensor(STD).view(3, 1, 1)
    operations = augmentations()
    rng = random.Random(0)
    files = sorted(os.path.join(folder, name) for name in os.listdir(folder))

    def sample(path):
        image = Image.open(path).convert("RGB")
        box = draw_crop(rng, *image.size, 0.08 if pipeline == "full" else 0.2)
        image = image.crop(box).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        if pipeline == "uint8":
            return np.asarray(image)
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if pipeline == "full":
            image = rand_augment(image, operations, rng)
        tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        tensor = tensor.to(torch.float32).div_(255).sub_(mean).div_(std)
        if pipeline == "full":
            erase(tensor, rng)
        return tensor

    for path in files[:10]:
        sample(path)
    begin = time.process_time()
    for i in range(count):
        sample(files[i % len(files)])
    print((time.process_time() - begin) / count)


def pillow_seconds(pipeline, folder, options):
    command = [sys.executable, os.path.abspath(__file__), "--child", pipeline, "--data", folder,
               "--images", str(options.images)]
    return float(subprocess.check_output(command, env=dict(os.environ, OMP_NUM_THREADS="1")))


def our_seconds(pipeline, folder, options):
    command = [options.program, "bench", "data", "--json", "--data", folder, "--images", str(options.images),
               "--input_size", str(SIDE)]
    command += {"fast": ["--fast_decode"], "full": ["--augment", "full", "--crop_scale", "0.08", "1"]}.get(
        pipeline, [])
    seconds = json.loads(subprocess.check_output(command))["cpu_seconds_per_image"]
    return seconds["to_uint8" if pipeline == "uint8" else "to_float"]


def compare(folder, options):
    if options.cpu is not None:
        os.sched_setaffinity(0, {options.cpu})  # children inherit it
    print(f"{'pipeline':<10} {'Pillow ms':>10} {'convmae ms':>11} {'images/s':>9} {'ratio':>6}   (medians)")
    for pipeline in ("uint8", "float", "fast", "full"):
        pairs = [(pillow_seconds(pipeline, folder, options), our_seconds(pipeline, folder, options))
                 for _ in range(options.rounds)]
        theirs = statistics.median(a for a, _ in pairs)
        ours = statistics.median(b for _, b in pairs)
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{pipeline:<10} {theirs * 1e3:10.3f} {ours * 1e3:11.3f} {1 / ours:9.0f} {ratio:6.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/convmae")
    parser.add_argument("--data", metavar="FOLDER", help="of JPEGs; without it, the program generates some")
    parser.add_argument("--images", type=int, default=500, help="that each measurement takes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu", type=int, help="run everything on this CPU")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_pillow(options.child, options.data, options.images)
    elif options.data:
        compare(options.data, options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.check_call([options.program, "bench", "data", "--images", "1", "--save", folder],
                                  stdout=subprocess.DEVNULL)
            compare(folder, options)


if __name__ == "__main__":
    main()
