"""Files of kinds that Pillow does not write."""

import struct
import zlib

import numpy as np


def png_file(width, height, depth, colour, rows, chunks=()):
    """A PNG of any bit depth and colour type."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = b"".join(chunk(name, data) for name, data in chunks)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + body + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def packed_rows(samples, depth):
    """Rows of samples of 1, 2, 4, 8 or 12 bits, the first in the highest bits."""
    bits = (samples.reshape(len(samples), -1, 1) >> np.arange(depth - 1, -1, -1)) & 1
    return [row.tobytes() for row in np.packbits(bits.reshape(len(samples), -1).astype(np.uint8), axis=1)]


def tiff_file(samples, photometric, depth=None, extra=(), tags=(), order="<"):
    """A TIFF of the array [height, width, samples], not compressed, in one strip. `depth` where it is not that of the
    array's type, `extra` for the samples behind the colours, `tags` for further numbers of 16 bits."""
    if samples.ndim == 2:
        samples = samples[..., None]
    height, width, count = samples.shape
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    if depth:
        pixels = b"".join(packed_rows(samples, depth))
    else:
        depth = 8 * samples.dtype.itemsize
        pixels = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    entries = {256: [width], 257: [height], 258: [depth] * count, 259: [1], 262: [photometric], 273: [8], 277: [count],
               278: [height], 279: [len(pixels)], 339: [kind] * count, **dict(tags)}
    if extra:
        entries[338] = list(extra)
    body = pixels + b"\0" * (len(pixels) % 2)
    directory = struct.pack(order + "H", len(entries))
    for tag, values in sorted(entries.items()):
        long = tag in (273, 279)
        data = struct.pack(f"{order}{len(values)}{'I' if long else 'H'}", *values)
        directory += struct.pack(order + "HHI", tag, 4 if long else 3, len(values))
        if len(data) > 4:
            directory += struct.pack(order + "I", 8 + len(body))
            body += data
        else:
            directory += data.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(body))
    return head + body + directory + b"\0\0\0\0"
