"""Compares every JPEG, PNG, WebP and TIFF under a folder with Pillow, with and without turning.

Usage: pillow_images.py DATA_PROBE FOLDER

Meant for the test images in Pillow's source package (pip download --no-binary :all: --no-deps pillow==VERSION).
A file must be decoded as `Image.open(file).convert("RGB")`, be one of the exceptions that docs/data.md lists under
"Formats and values", or be refused with a reason; any other difference is named, and the exit code is 1.
"""

import collections
import os
import sys
import warnings

import numpy as np
from PIL import Image, ImageOps, features

from probe import Probe

SIGNATURES = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "WebP": (b"RIFF",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
LAB_DIFFERENCE = 10  # Pillow's colour management interpolates in a table


def format_of(path):
    with open(path, "rb") as file:
        head = file.read(12)
    for form, starts in SIGNATURES.items():
        if head.startswith(starts) and (form != "WebP" or head.endswith(b"WEBP")):
            return form
    return None


def has_exif(path, form):
    """Whether there is such a block, where XMP or text may state an orientation too."""
    with open(path, "rb") as file:
        return {"JPEG": b"Exif\0", "PNG": b"eXIf", "WebP": b"EXIF"}.get(form, b"") in file.read()


def with_pillow(path, form, upright):
    """The picture as it is stored, or upright, and as its values are; or the text of an error."""
    try:
        with Image.open(path) as image:
            mode = image.mode  # that of the file, where load() changes it
            image.load()
            if upright and form != "TIFF":  # Pillow always turns a TIFF
                image = ImageOps.exif_transpose(image)
            return np.asarray(image.convert("RGB")), np.asarray(image), mode
    except Exception as error:  # of any kind: Pillow has many
        return f"{type(error).__name__}: {error}"


def divided(stored):
    """Colours of associated alpha, by whole numbers."""
    full = int(np.iinfo(stored.dtype).max)
    colour, alpha = stored[..., :3].astype(int), stored[..., 3:].astype(int)
    return np.minimum(np.where(alpha == 0, 0, colour * full // np.maximum(alpha, 1)), full).astype(stored.dtype)


def exception(found, rgb, values, form, mode, ask):
    """Which exception of the documentation makes `found` right, if one does."""
    if found.shape[:2] != rgb.shape[:2]:
        return None
    grey = values[..., None] if values.ndim == 2 else values
    if found.dtype == np.float32 and np.array_equal(found, np.broadcast_to(grey, found.shape)):
        return "float values are kept"
    if found.dtype == np.uint16:
        if mode.startswith("I;16") and np.array_equal(found, np.broadcast_to(grey, found.shape)):
            return "16 bits are kept"
        if mode in ("RGB", "RGBA", "CMYK") and np.abs((found >> 8).astype(int) - rgb).max() <= 1:
            return "16 bits are kept"
    if mode == "RGBA" and found.dtype == np.uint16:
        stored = ask(4)
        if np.array_equal(found, divided(stored)) and np.array_equal(divided((stored >> 8).astype(np.uint8)), rgb):
            return "alpha of 16 bits is divided out with all of them"
    if form == "PNG" and mode == "I;16" and np.array_equal(found, np.broadcast_to(grey >> 8, found.shape)):
        return "16-bit grey PNG keeps its high byte"
    if mode == "LAB" and np.abs(found.astype(int) - rgb).max() <= LAB_DIFFERENCE:
        return "Lab becomes sRGB"
    return None


def judge(probe, path, form, upright):
    found = probe.ask(file=path, channels=3, exif=upright)
    expected = with_pillow(path, form, upright)
    if isinstance(found, str) and isinstance(expected, str):
        return "refused by both", found
    if isinstance(found, str):
        return ("DIFFERS" if "damaged" in found else "refused"), found
    if isinstance(expected, str):
        return "refused by Pillow alone", expected
    rgb, values, mode = expected
    if found.dtype == np.uint8 and np.array_equal(found, rgb):
        return "equal", ""
    kind = exception(found, rgb, values, form, mode, lambda channels: probe.ask(file=path, channels=channels))
    if kind:
        return kind, ""
    if upright and not has_exif(path, form):
        kind, why = judge(probe, path, form, False)
        return "an orientation that is not in EXIF is not followed" if kind == "equal" else kind, why
    if form == "TIFF" and not upright and judge(probe, path, form, True)[0] not in ("DIFFERS", "refused"):
        return "a TIFF is not turned unless asked", ""
    return "DIFFERS", f"{found.dtype}, Pillow's mode {mode}"


def main():
    program, folder = sys.argv[1:]
    warnings.simplefilter("ignore")
    probe = Probe(program)
    paths = sorted(os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)
    differs = False
    for upright in (False, True):
        kinds = collections.defaultdict(list)
        for path in paths:
            form = format_of(path)
            if form:
                kind, why = judge(probe, path, form, upright)
                kinds[kind].append(f"  {os.path.relpath(path, folder)}" + (f": {why}" if why else ""))
        total = sum(map(len, kinds.values()))
        print(f"{total} files {'turned upright' if upright else 'as stored'}, Pillow {features.version('pil')}")
        for kind, lines in sorted(kinds.items(), key=lambda item: -len(item[1])):
            print(f"{len(lines):5} {kind}", *([] if kind == "equal" else lines), sep="\n")
        differs |= "DIFFERS" in kinds
    probe.close()
    sys.exit(1 if differs else 0)


if __name__ == "__main__":
    main()
