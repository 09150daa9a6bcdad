"""What the tests of segmentation share: small pictures with labels, a tiny segmentor, and a run of it."""

import numpy as np
from PIL import Image

from program import run_program

COLOURS = np.array([[200, 40, 40], [40, 180, 60], [50, 60, 200]], np.uint8)
CLASSES = ("sea", "ice", "sand")
# Milliseconds a step, and every part is there.
TINY_SEGMENTOR = (
    "--input_size 48 --embed_dim 8 12 16 --depth 1 1 1 --num_heads 2 --head_channels 8 "
    "--aux_channels 4 --bounds 80 60 --batch_size 4 --threads 1 --num_workers 1"
).split()


def label_map(number, height, width):
    """Stripes and a disc of the three classes, ids 1 to 3, and a border that is none (0)."""
    rows, columns = np.mgrid[0:height, 0:width]
    labels = (rows * 2 // height + number) % 2 + 1
    centre = ((7 * number) % height, (11 * number) % width)
    labels[(rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < (height // 3) ** 2] = 3
    labels[:2] = 0
    return labels.astype(np.uint8)


def write_pairs(root, part, count, first=0):
    """ADE20K's layout. A class has a colour, so that a few steps tell them apart."""
    for folder in ("images", "annotations"):
        (root / folder / part).mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        labels = label_map(number, 60 + number % 3 * 6, 80 - number % 4 * 8)
        noise = np.random.default_rng(number).integers(-20, 20, (*labels.shape, 3))
        pixels = (COLOURS[np.maximum(labels, 1) - 1] + noise).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / "images" / part / f"{number:03}.png")
        Image.fromarray(labels).save(root / "annotations" / part / f"{number:03}.png")


def write_set(root):
    """A set with both parts, and what its labels mean."""
    write_pairs(root, "training", 12)
    write_pairs(root, "validation", 4, first=100)
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    return ["--classes", root / "classes.txt", "--label_offset", -1, "--ignore_index", 0]


def train_segmentor(data, labels, out, *arguments):
    return run_program("segment", "train", "--data", data, *labels, "--out", out, *TINY_SEGMENTOR,
                       *arguments)


def learn_colours(data, labels, out):
    """A segmentor that tells the three classes apart, most of the time."""
    return train_segmentor(data, labels, out, "--eval_data", data, "--epochs", 16, "--lr", 0.02,
                           "--warmup_epochs", 1, "--layer_decay", 1, "--drop_path", 0,
                           "--dropout", 0, "--no_distort", "--ratio_range", 0.9, 1.1,
                           "--eval_every_epochs", 8)
