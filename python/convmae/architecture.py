"""What names and shapes tell of a file that does not describe its model."""

import math

from .config import ModelConfig, SegmentorConfig, decoder_heads_of_widths, heads_of_width
from .errors import expect


def prefix_of(names):
    """What stands before the names of the encoder, or None."""
    for end in ("patch_embed1.proj.weight", "patch_embed.proj.weight"):
        found = [name[: -len(end)] for name in names if name.endswith(end)]
        found = [prefix for prefix in found if prefix in ("",) or prefix.endswith(".")]
        if found:
            # Of a student and its teacher, whose average is what self-distillation is after, the teacher.
            return next((prefix for prefix in found if not prefix.startswith("student.")), found[0])
    return None


class Shapes:
    """Shapes of the encoder's weights, by their names in it."""

    def __init__(self, file, prefix):
        self.path = file.path
        self.shapes = {name[len(prefix) :]: tuple(tensor.shape) for name, tensor in file.tensors.items()
                       if name.startswith(prefix)}

    def __contains__(self, name):
        return name in self.shapes

    def get(self, name, rank):
        shape = self.shapes.get(name)
        return shape if shape is not None and len(shape) == rank else None

    def need(self, name, rank):
        shape = self.get(name, rank)
        expect(shape is not None, f"{self.path!r} has no tensor {name!r} of {rank} dimensions: give a whole checkpoint")
        return shape

    def count(self, pattern):
        number = 0
        while pattern.format(number) in self.shapes:
            number += 1
        return number

    def mlp_ratio(self, blocks, width):
        shape = self.shapes.get(f"{blocks}.0.mlp.fc1.weight")
        return 4 if shape is None else shape[0] / width


def _square(count, path):
    side = math.isqrt(count)
    expect(side * side == count, f"the {count} positions in {path!r} make no square image, and its size is not in the "
                                 "file: give a checkpoint of convmae, which says it")
    return side


def config_of_shapes(file, prefix, num_heads=None):
    """Sizes of the model, and what training arguments say of its pretraining."""
    shapes = Shapes(file, prefix)
    vit = "patch_embed1.proj.weight" not in shapes
    sizes = _vit_sizes(shapes) if vit else _conv_sizes(shapes)
    blocks = "blocks.0" if vit else "blocks3.0"
    width = sizes["embed_dim"][-1]
    extra = int("cls_token" in shapes)
    table = shapes.get("pos_embed", 3)
    distances = shapes.get(f"{blocks}.attn.relative_position_bias_table", 2)
    if table is not None:
        side = _square(table[1] - extra, file.path)
    else:
        expect(distances is not None, f"{file.path!r} has no table of positions, which would tell the size of images")
        side = (_square(distances[0], file.path) + 1) // 2
        sizes["position"] = "relative"
    sizes["img_size"] = (side * math.prod(sizes["patch_size"]),) * 2
    method = sizes["method"] = "mae" if vit else "convmae"
    if distances is not None:
        num_heads = num_heads or distances[1]
    sizes["num_heads"] = num_heads or heads_of_width(width, method)
    expect(sizes["num_heads"], f"the width {width} of {file.path!r} belongs to no named model, so the number of "
                               "attention heads is not known: give num_heads")
    if (embed := shapes.get("decoder_embed.weight", 2)) is not None:
        sizes |= {"decoder_embed_dim": embed[0], "decoder_depth": shapes.count("decoder_blocks.{}.norm1.weight"),
                  "decoder_num_heads": decoder_heads_of_widths(width, embed[0], method) or 16}
    return ModelConfig(**(sizes | _of_arguments(file.arguments, method)))


def _conv_sizes(shapes):
    embeds = [shapes.need(f"patch_embed{stage}.proj.weight", 4) for stage in (1, 2, 3)]
    kernels = [shapes.get(f"blocks{stage}.0.attn.weight", 4) for stage in (1, 2)]
    return {"in_chans": embeds[0][1], "embed_dim": tuple(shape[0] for shape in embeds),
            "patch_size": tuple(shape[2] for shape in embeds),
            "depth": tuple(shapes.count(f"blocks{stage}.{{}}.norm1.weight") for stage in (1, 2, 3)),
            "mlp_ratio": tuple(shapes.mlp_ratio(f"blocks{stage}", embeds[stage - 1][0]) for stage in (1, 2, 3)),
            "kernel_size": tuple(1 if shape is None else shape[2] for shape in kernels),
            "fusion": "stage1_output_decode.weight" in shapes}


def _vit_sizes(shapes):
    embed = shapes.need("patch_embed.proj.weight", 4)
    return {"in_chans": embed[1], "embed_dim": (embed[0],), "patch_size": (embed[2],),
            "depth": (shapes.count("blocks.{}.norm1.weight"),), "mlp_ratio": (shapes.mlp_ratio("blocks", embed[0]),),
            "kernel_size": ()}


def _of_arguments(arguments, method):
    found = {}
    if method == "convmae" and str(arguments.get("model", "")).startswith("fastconvmae"):
        found["method"] = "fastconvmae"
    if isinstance(arguments.get("mask_ratio"), (int, float)):
        found["mask_ratio"] = float(arguments["mask_ratio"])
    if isinstance(arguments.get("norm_pix_loss"), (bool, int, float)):
        found["norm_pix_loss"] = bool(arguments["norm_pix_loss"])
    return found


def segmentor_of_shapes(file, prefix, num_heads=None):
    """A published segmentor with the published pool scales and maps."""
    heads = Shapes(file, "")
    own = Shapes(file, prefix)
    encoder = config_of_shapes(file, prefix, num_heads or _shared_heads(own))
    classes, channels = heads.need("decode_head.conv_seg.weight", 4)[:2]
    pools = heads.count("decode_head.psp_modules.{}.1.conv.weight")
    finer = heads.count("decode_head.lateral_convs.{}.conv.weight")
    fourth = f"{prefix}fpn.0.weight" in heads
    expect(pools in (0, 4), f"{file.path!r} pools to {pools} sizes, and does not say which: the published 4 are known")
    expect(finer == (3 if fourth else 2), f"the head in {file.path!r} reads {finer + 1} maps: the published ones read all")
    auxiliary = heads.get("auxiliary_head.convs.0.conv.weight", 4)
    relative = "none"
    if "blocks3.0.attn.relative_position_bias_table" in own:
        relative = "per_block"
    elif "rel_pos_bias.relative_position_bias_table" in own:
        relative = "shared"
    return SegmentorConfig(encoder=encoder, relative_position=relative, layer_scale=float("blocks3.0.gamma_1" in own),
                           maps=tuple(range(4 if fourth else 3)), channels=channels, num_classes=classes,
                           pool_scales=(1, 2, 3, 6) if pools else (), aux_channels=auxiliary[0] if auxiliary else 0)


def _shared_heads(shapes):
    table = shapes.get("rel_pos_bias.relative_position_bias_table", 2)
    return None if table is None else table[1]
