"""Images of every kind that the table of docs/data.md on formats and values names, and what each becomes."""

import io
import struct

import numpy as np
from PIL import Image, ImageCms, ImageOps

from image_files import packed_rows, png_file, tiff_file

HEIGHT, WIDTH = 16, 24
RNG = np.random.default_rng(11)


def numbers(channels, dtype=np.uint8, most=None):
    """Random values over the whole range of the type, both ends included."""
    most = most or np.iinfo(dtype).max
    values = RNG.integers(0, most + 1, (HEIGHT, WIDTH, channels)).astype(dtype)
    values[0, 0], values[0, 1] = 0, most
    return values


def floats(channels):
    return RNG.random((HEIGHT, WIDTH, channels)).astype(np.float32)


def smooth(channels):
    """What lossy formats keep nearly as it is."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([40 + 7 * y + 2 * x + 9 * c for c in range(channels)], -1).astype(np.uint8)


def image_of(values):
    return Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)


def saved(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def npy(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def png(values, colour, depth=8, chunks=()):
    rows = [row.astype(">u2").tobytes() for row in values] if depth == 16 else packed_rows(values, depth)
    return png_file(WIDTH, HEIGHT, depth, colour, rows, chunks)


def repeated(values, channels):
    """Grey as so many channels."""
    return np.broadcast_to(values, (*values.shape[:2], channels)) if values.shape[2] == 1 else values


def spread(values, bits):
    return (values.astype(int) * 255 // (2**bits - 1)).astype(np.uint8)


def high_byte(values):
    return (values >> 8).astype(np.uint8)


def divided(values, colours):
    """The colours of multiplied alpha, by whole numbers as Pillow has it."""
    full = int(np.iinfo(values.dtype).max)
    colour, alpha = values[..., :colours].astype(int), values[..., -1:].astype(int)
    quotient = np.where(alpha == 0, 0, colour * full // np.maximum(alpha, 1))
    return np.minimum(quotient, full).astype(values.dtype)


def multiplied(channels, dtype):
    """Straight colours, as they are stored with associated alpha, and some that alpha cannot have made."""
    values = numbers(channels, dtype)
    full = np.iinfo(dtype).max
    alpha = values[..., -1:].astype(np.uint64)
    values[4:, :, :-1] = (values[4:, :, :-1] * alpha[4:] // full).astype(dtype)
    return values


def rgb_of_cmyk(values):
    """By real numbers: what is left of light behind two inks."""
    full = float(np.iinfo(values.dtype).max)
    light = 1 - values / full
    return (light[..., :3] * light[..., 3:] * full).round()


def rgb_of_lab(values):
    lab = Image.frombytes("LAB", (WIDTH, HEIGHT), values.tobytes())
    transform = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    return np.asarray(ImageCms.applyTransform(lab, transform))


def palette_case(bits, form, transparency=False):
    colours = RNG.integers(0, 256, (2**bits, 3)).astype(np.uint8)
    index = numbers(1, most=2**bits - 1)
    if form == "PNG":
        chunks = [(b"PLTE", colours.tobytes())] + ([(b"tRNS", bytes(range(2**bits)))] if transparency else [])
        file = png(index, 3, bits, chunks)
    else:
        samples = np.concatenate([index, numbers(1)], -1) if transparency else index
        table = [(320, (colours.T.astype(int) * 257).ravel().tolist())]
        file = tiff_file(samples, 3, bits, extra=(2,) if transparency else (), tags=table)
    return file, colours[index[..., 0]]


def inverted_case(values, depth=None):
    most = 2 ** (depth or 8 * values.dtype.itemsize) - 1
    seen = (most - values.astype(int)).astype(values.dtype)
    return tiff_file(values, 0, depth), spread(seen, depth) if depth else seen


def twelve_bit_jpeg():
    file = bytearray(saved(image_of(smooth(1)), "JPEG"))
    frame = file.index(b"\xff\xc0")
    file[frame + 4] = 12
    return bytes(file)


def ycck_jpeg():
    file = bytearray(saved(Image.fromarray(smooth(4), "CMYK"), "JPEG", quality=95))
    file[file.index(b"Adobe") + 11] = 2  # the transform: YCCK
    return bytes(file)


def decoded(file):
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def turned_case(form):
    """A file for each orientation, the picture as stored, and as it is upright."""
    files = []
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        if form == "TIFF":
            values = numbers(3)
            file = tiff_file(values, 2, tags=[(274, [orientation])])
            stored = Image.fromarray(values)
        else:
            lossless = {"JPEG": {}, "PNG": {}, "WebP": {"lossless": True}}[form]
            file = saved(Image.fromarray(smooth(3)), form.upper(), exif=exif, **lossless)
            stored = Image.open(io.BytesIO(file)).convert("RGB")
        stored.getexif()[0x0112] = orientation
        files.append((file, np.asarray(stored), np.asarray(ImageOps.exif_transpose(stored))))
    return files


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"""
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def saved_case(form, **options):
    """A file that Pillow writes, and its values as they come back."""
    if form == "WebP":
        options["lossless"] = True
    file = saved(image_of(smooth(3)), form.upper(), **options)
    return file, decoded(file)


def xmp_case(form, colour):
    if form == "PNG":
        return png(colour, 2, chunks=[(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)]), colour
    if form == "TIFF":
        return tiff_file(colour, 2, tags=[(700, list(XMP))]), colour
    return saved_case(form, xmp=XMP)


def pictures_case(form):
    pages = [Image.fromarray(numbers(3)) for _ in range(3)]
    options = {"WebP": {"lossless": True}}.get(form, {})
    file = saved(pages[0], {"JPEG": "MPO"}.get(form, form.upper()), save_all=True, append_images=pages[1:], **options)
    return file, decoded(saved(pages[0], "JPEG")) if form == "JPEG" else np.asarray(pages[0])


def refused(*files):
    return [(file, None) for file in files]


def depth_cases():
    colour16 = numbers(3, np.uint16)
    grey, colour, grey16 = numbers(1), numbers(3), numbers(1, np.uint16)
    grey_float, colour_float = floats(1), floats(3)
    jpeg_grey, jpeg_colour = saved(image_of(smooth(1)), "JPEG"), saved(image_of(smooth(3)), "JPEG")
    lossless, lossy = saved(image_of(colour), "WEBP", lossless=True), saved(image_of(smooth(3)), "WEBP")
    whole = RNG.integers(0, 2**32, (HEIGHT, WIDTH, 1), np.uint32)
    made = {
        ("grey of 8 bits", "JPEG", "kept"): [(jpeg_grey, decoded(jpeg_grey))],
        ("grey of 8 bits", "PNG", "kept"): [(png(grey, 0), grey)],
        ("grey of 8 bits", "TIFF", "kept"): [(tiff_file(grey, 1), grey)],
        ("grey of 8 bits", ".npy", "kept"): [(npy(grey), grey), (npy(grey[..., 0]), grey)],
        ("grey of 12 bits", "JPEG", "refused"): refused(twelve_bit_jpeg()),
        ("grey of 12 bits", "TIFF", "refused"): refused(tiff_file(numbers(1, np.uint16, 4095), 1, 12)),
        ("grey of 16 bits", "PNG", "high byte"): [(png(grey16, 0, 16), high_byte(grey16))],
        ("grey of 16 bits", "TIFF", "kept"): [(tiff_file(grey16, 1), grey16)],
        ("grey of 16 bits", ".npy", "kept"): [(npy(grey16), grey16)],
        ("colour of 8 bits", "JPEG", "kept"): [(jpeg_colour, decoded(jpeg_colour))],
        ("colour of 8 bits", "PNG", "kept"): [(png(colour, 2), colour)],
        ("colour of 8 bits", "WebP", "kept"): [(lossless, colour), (lossy, decoded(lossy))],
        ("colour of 8 bits", "TIFF", "kept"): [(tiff_file(colour, 2), colour)],
        ("colour of 8 bits", ".npy", "kept"): [(npy(colour), colour)],
        ("colour of 16 bits", "PNG", "high byte"): [(png(colour16, 2, 16), high_byte(colour16))],
        ("colour of 16 bits", "TIFF", "kept"): [(tiff_file(colour16, 2), colour16)],
        ("colour of 16 bits", ".npy", "kept"): [(npy(colour16), colour16)],
        ("float of 32 bits", "TIFF", "kept"): [
            (tiff_file(grey_float, 1), grey_float), (tiff_file(colour_float, 2), colour_float)],
        ("float of 32 bits", ".npy", "kept"): [(npy(grey_float), grey_float), (npy(colour_float), colour_float)],
        ("float of 16 or 64 bits", "TIFF", "refused"): refused(
            *(tiff_file(grey_float.astype(t), 1) for t in ("f2", "f8"))),
        ("float of 16 or 64 bits", ".npy", "refused"): refused(*(npy(grey_float.astype(t)) for t in ("f2", "f8"))),
        ("signed numbers", "TIFF", "refused"): refused(*(tiff_file(grey.astype(t), 1) for t in ("i1", "i2", "i4"))),
        ("signed numbers", ".npy", "refused"): refused(*(npy(grey.astype(t)) for t in ("i1", "i2", "i4", "i8"))),
        ("whole numbers of 32 bits", "TIFF", "refused"): refused(tiff_file(whole, 1)),
        ("whole numbers of 32 bits", ".npy", "refused"): refused(npy(whole)),
        ("numbers of the other byte order", "TIFF", "kept"): [
            (tiff_file(colour16, 2, order=">"), colour16), (tiff_file(grey_float, 1, order=">"), grey_float)],
        ("numbers of the other byte order", ".npy", "refused"): refused(
            npy(grey16.astype(">u2")), npy(grey_float.astype(">f4"))),
    }
    for bits in (1, 2, 4):
        values = numbers(1, most=2**bits - 1)
        row = f"grey of {bits} bit{'s' if bits > 1 else ''}"
        made[row, "PNG", "8 bits"] = [(png(values, 0, bits), spread(values, bits))]
        made[row, "TIFF", "8 bits"] = [(tiff_file(values, 1, bits), spread(values, bits))]
    return made


def alpha_cases():
    grey, grey16 = numbers(2), numbers(2, np.uint16)
    rgba, rgba16, rgba_float = numbers(4), numbers(4, np.uint16), floats(4)
    more, colour = numbers(6, np.uint16), numbers(3)
    transparent = (b"tRNS", struct.pack(">HHH", *colour[2, 3]))
    webp = saved(image_of(rgba), "WEBP", lossless=True, exact=True)
    made = {
        ("grey and alpha of 8 bits", "PNG", "dropped"): [(png(grey, 4), grey[..., :1])],
        ("grey and alpha of 8 bits", "TIFF", "dropped"): [(tiff_file(grey, 1, extra=(2,)), grey[..., :1])],
        ("grey and alpha of 8 bits", ".npy", "refused"): refused(npy(grey)),
        ("grey and alpha of 16 bits", "PNG", "dropped, high byte"): [(png(grey16, 4, 16), high_byte(grey16[..., :1]))],
        ("grey and alpha of 16 bits", "TIFF", "dropped"): [(tiff_file(grey16, 1, extra=(2,)), grey16[..., :1])],
        ("grey and alpha of 16 bits", ".npy", "refused"): refused(npy(grey16)),
        ("colour and alpha of 8 bits", "PNG", "dropped"): [(png(rgba, 6), rgba[..., :3])],
        ("colour and alpha of 8 bits", "WebP", "dropped"): [(webp, rgba[..., :3])],
        ("colour and alpha of 8 bits", "TIFF", "dropped"): [
            (tiff_file(rgba, 2, extra=(2,)), rgba[..., :3]), (tiff_file(rgba, 2), rgba[..., :3])],
        ("colour and alpha of 8 bits", ".npy", "refused"): refused(npy(rgba)),
        ("colour and alpha of 16 bits", "PNG", "dropped, high byte"): [
            (png(rgba16, 6, 16), high_byte(rgba16[..., :3]))],
        ("colour and alpha of 16 bits", "TIFF", "dropped"): [(tiff_file(rgba16, 2, extra=(2,)), rgba16[..., :3])],
        ("colour and alpha of 16 bits", ".npy", "refused"): refused(npy(rgba16)),
        ("colour and alpha, float", "TIFF", "dropped"): [(tiff_file(rgba_float, 2, extra=(2,)), rgba_float[..., :3])],
        ("colour and alpha, float", ".npy", "refused"): refused(npy(rgba_float)),
        ("colour and channels of no stated kind", "TIFF", "dropped"): [
            (tiff_file(rgba, 2, extra=(0,)), rgba[..., :3]), (tiff_file(more, 2, extra=(2, 0, 0)), more[..., :3])],
        ("colour and channels of no stated kind", ".npy", "refused"): refused(npy(more)),
        ("colour that is transparent", "PNG", "kept"): [(png(colour, 2, chunks=[transparent]), colour)],
    }
    for row, channels, dtype in (("colour multiplied by alpha, 8 bits", 4, np.uint8),
                                 ("colour multiplied by alpha, 16 bits", 4, np.uint16),
                                 ("grey multiplied by alpha", 2, np.uint8)):
        values = multiplied(channels, dtype)
        file = tiff_file(values, 2 if channels == 4 else 1, extra=(1,))
        made[row, "TIFF", "divided"] = [(file, divided(values, channels - 1))]
    return made


def colour_cases():
    cmyk, cmyk16 = numbers(4), numbers(4, np.uint16)
    jpeg_colour, jpeg_cmyk = (saved(Image.fromarray(smooth(n), mode), "JPEG", quality=95)
                              for n, mode in ((3, "RGB"), (4, "CMYK")))
    tiff_cmyk = saved(Image.fromarray(cmyk, "CMYK"), "TIFF")
    lossy, ycbcr = saved(image_of(smooth(3)), "WEBP"), saved(image_of(smooth(3)), "TIFF", compression="jpeg")
    colour16, grey16 = numbers(3, np.uint16), numbers(1, np.uint16)
    icc_lab = numbers(3)
    icc_lab[..., 1:] = 128 + (icc_lab[..., 1:].astype(int) - 128) // 8  # colours that a screen has
    icc_lab[..., 0] = 60 + icc_lab[..., 0] // 2
    cie_lab = icc_lab.copy()
    cie_lab[..., 1:] ^= 128
    made = {
        ("palette with transparency", "PNG", "looked up"): [palette_case(8, "PNG", True)],
        ("palette with transparency", "TIFF", "looked up"): [palette_case(8, "TIFF", True)],
        ("palette of 16 bits", "TIFF", "refused"): refused(tiff_file(grey16, 3, tags=[(320, [0] * 3 * 65536)])),
        ("0 is white, 1 bit", "TIFF", "inverted"): [inverted_case(numbers(1, most=1), 1)],
        ("0 is white, 8 bits", "TIFF", "inverted"): [inverted_case(numbers(1))],
        ("0 is white, 16 bits", "TIFF", "inverted"): [inverted_case(grey16)],
        ("0 is white, float", "TIFF", "refused"): refused(tiff_file(floats(1), 0)),
        ("CMYK of 8 bits", "JPEG", "RGB"): [(jpeg_cmyk, decoded(jpeg_cmyk))],
        ("CMYK of 8 bits", "TIFF", "RGB"): [
            (tiff_file(cmyk, 5), rgb_of_cmyk(cmyk)), (tiff_cmyk, decoded(tiff_cmyk))],
        ("CMYK of 16 bits", "TIFF", "RGB"): [(tiff_file(cmyk16, 5), rgb_of_cmyk(cmyk16))],
        ("YCCK", "JPEG", "RGB"): [(ycck_jpeg(), decoded(ycck_jpeg()))],
        ("other inks", "TIFF", "refused"): refused(tiff_file(cmyk, 5, tags=[(332, [2])]), tiff_file(numbers(3), 5)),
        ("YCbCr", "JPEG", "RGB"): [(jpeg_colour, decoded(jpeg_colour))],
        ("YCbCr", "WebP", "RGB"): [(lossy, decoded(lossy))],
        ("YCbCr", "TIFF", "RGB"): [(ycbcr, decoded(ycbcr))],
        ("CIE L*a*b* of 8 bits", "TIFF", "RGB"): [
            (tiff_file(cie_lab, 8), rgb_of_lab(cie_lab)), (tiff_file(icc_lab, 9), rgb_of_lab(cie_lab))],
        ("CIE L*a*b* of 16 bits", "TIFF", "refused"): refused(tiff_file(colour16, 8), tiff_file(colour16, 9)),
        ("raw camera data", "TIFF", "refused"): refused(tiff_file(grey16, 32803), tiff_file(numbers(1), 34892)),
    }
    for bits in (1, 4, 8):
        for form in ("PNG", "TIFF"):
            made[f"palette of {bits} bit{'s' if bits > 1 else ''}", form, "looked up"] = [palette_case(bits, form)]
    return made


def other_cases():
    colour, rgba = numbers(3), numbers(4)
    bad_float = floats(1)
    bad_float[3, 4] = np.nan
    several = "several pictures (MPO, animation, pages)"
    made = {
        ("bands: four and more channels", "TIFF", "refused"): refused(
            tiff_file(rgba, 1, extra=(0, 0, 0)), tiff_file(numbers(7, np.uint16), 1, extra=(0,) * 6)),
        ("bands: four and more channels", ".npy", "refused"): refused(npy(rgba), npy(floats(13))),
        ("channels before rows and columns", ".npy", "refused"): refused(npy(np.moveaxis(colour, -1, 0))),
        ("NaN or infinity", "TIFF", "refused"): refused(tiff_file(bad_float, 1)),
        ("NaN or infinity", ".npy", "refused"): refused(npy(bad_float), npy(np.full((3, 4, 3), np.inf, np.float32))),
        (several, ".npy", "refused"): refused(npy(np.stack([colour, colour]))),
    }
    for form in ("JPEG", "PNG", "WebP", "TIFF"):
        made["orientation (EXIF, or the tag of a TIFF)", form, "on request"] = turned_case(form)
        made["orientation in XMP alone", form, "as stored"] = [xmp_case(form, colour)]
        made["colour profile, gamma", form, "ignored"] = [saved_case(form, icc_profile=PROFILE)]
        made[several, form, "the first"] = [pictures_case(form)]
    linear = png(colour, 2, chunks=[(b"gAMA", struct.pack(">I", 100000))])
    made["colour profile, gamma", "PNG", "ignored"].append((linear, colour))
    return made


def cases():
    """{(row, column, cell): [(file, what it becomes), ...]}; None for an image that is refused."""
    return {**depth_cases(), **alpha_cases(), **colour_cases(), **other_cases()}


# By how much RGB that is computed in another way may differ: of 255.
TOLERANCE = {"CMYK of 8 bits": 1, "CMYK of 16 bits": 1 / 257, "CIE L*a*b* of 8 bits": 10}
