"""What decides a model's parameters and arithmetic: the description that the program writes into its files."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Optional

from .errors import ConvmaeError, expect

METHODS = ("convmae", "fastconvmae", "mae")
POSITIONS = ("sincos", "relative", "none")

# name: widths, depths, MLP ratios, heads; decoder's width, depth, heads. As in the program (`convmae info`).
_CONV_PRESETS = {
    "nano": ((48, 96, 192), (1, 1, 4), (4, 4, 4), 6, 128, 2, 4),
    "tiny": ((64, 128, 256), (2, 2, 6), (4, 4, 4), 8, 192, 4, 6),
    "small": ((128, 256, 384), (2, 2, 11), (4, 4, 4), 6, 512, 8, 16),
    "base": ((256, 384, 768), (2, 2, 11), (4, 4, 4), 12, 512, 8, 16),
    "large": ((384, 768, 1024), (2, 2, 23), (8, 8, 4), 16, 512, 8, 16),
    "huge": ((768, 1024, 1280), (2, 2, 31), (8, 8, 4), 16, 512, 8, 16),
}
# And the side of a patch.
_VIT_PRESETS = {
    "nano": ((192,), (6,), (4,), 6, 128, 2, 4, 16),
    "tiny": ((256,), (10,), (4,), 8, 192, 4, 6, 16),
    "small": ((384,), (12,), (4,), 6, 512, 8, 16, 16),
    "base": ((768,), (12,), (4,), 12, 512, 8, 16, 16),
    "large": ((1024,), (24,), (4,), 16, 512, 8, 16, 16),
    "huge": ((1280,), (32,), (4,), 16, 512, 8, 16, 14),
}


@dataclass(frozen=True)
class ModelConfig:
    """An encoder, and how it is pretrained. Lists have a number a stage, of MAE one."""

    method: str = "convmae"
    img_size: tuple = (224, 224)
    in_chans: int = 3
    patch_size: tuple = (4, 2, 2)
    embed_dim: tuple = (256, 384, 768)
    depth: tuple = (2, 2, 11)
    mlp_ratio: tuple = (4, 4, 4)
    kernel_size: tuple = (5, 5)
    num_heads: int = 12
    decoder_embed_dim: int = 512
    decoder_depth: int = 8
    decoder_num_heads: int = 16
    mask_ratio: float = 0.75
    groups: int = 4
    norm_pix_loss: bool = False
    masked_conv: bool = True
    fusion: bool = True
    use_decoder_pos_embed: bool = True
    mask_unit: str = "block"
    position: str = "sincos"

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        self._check()

    def _check(self):
        stages = 1 if self.is_vit else 3
        expect(self.method in METHODS, f"no method is named {self.method!r}: choose one of {', '.join(METHODS)}")
        expect(self.position in POSITIONS, f"position must be one of {', '.join(POSITIONS)}, found {self.position!r}")
        for name in ("patch_size", "embed_dim", "depth", "mlp_ratio"):
            found = getattr(self, name)
            expect(len(found) == stages and all(value > 0 or (name == "depth" and value == 0) for value in found),
                   f"{name} takes {stages} positive number{'s, one a stage' if stages > 1 else ''}, found {found}")
        expect(len(self.img_size) == 2 and all(side > 0 and side % self.block == 0 for side in self.img_size),
               f"img_size {self.img_size} is not divided by blocks of {self.block} pixels: choose a multiple")
        expect(self.num_heads > 0 and self.embed_dim[-1] % self.num_heads == 0,
               f"embed_dim {self.embed_dim[-1]} cannot be split into {self.num_heads} heads (num_heads)")
        expect(not (self.is_vit and self.position == "relative"),
               "a class token has no place in a grid of relative positions: choose position sincos or none")
        if not self.is_vit:
            expect(len(self.kernel_size) == 2 and all(size % 2 == 1 and 1 <= size <= 15 for size in self.kernel_size),
                   f"kernel_size takes 2 odd numbers of at most 15, found {self.kernel_size}")

    @property
    def is_vit(self):
        return self.method == "mae"

    @property
    def block(self):
        """Pixels along the side of what one token covers."""
        return math.prod(self.patch_size)

    @property
    def grid(self):
        return tuple(side // self.block for side in self.img_size)

    @property
    def num_blocks(self):
        return math.prod(self.grid)

    def with_sizes(self, **changes):
        return dataclasses.replace(self, **changes)


def _fields_of(text, what, known, optional=()):
    """The members of a JSON object with just these names."""
    try:
        members = json.loads(text) if isinstance(text, str) else text
    except json.JSONDecodeError as error:
        raise ConvmaeError(f"{what} is not JSON ({error}): use another file") from None
    expect(isinstance(members, dict), f"{what} is no JSON object: use another file")
    unknown = sorted(set(members) - known - set(optional))
    missing = sorted(known - set(members) - set(optional))
    expect(not unknown, f"{what} has the unknown key {unknown[:1]}: it needs a newer version of this package")
    expect(not missing, f"{what} lacks the key {missing[:1]}: use another file")
    return members


def model_config_from_json(text):
    """The program's description of a model (`convmae.model` in the metadata of its files)."""
    known = {field.name for field in dataclasses.fields(ModelConfig)}
    members = dict(_fields_of(text, "the model configuration", known, ("position", "use_pos_embed")))
    table = members.pop("use_pos_embed", True)  # what older files say
    members.setdefault("position", "sincos" if table else "none")
    return ModelConfig(**members)


def model_config_json(config):
    return json.dumps(dataclasses.asdict(config))


@dataclass(frozen=True)
class SegmentorConfig:
    """UperNet on an encoder, as published for the Base model."""

    encoder: ModelConfig = dataclasses.field(default_factory=lambda: ModelConfig(img_size=(512, 512)))
    relative_position: str = "per_block"  # or none, shared
    layer_scale: float = 1.0  # what it starts with; 0 for none
    drop_path: float = 0.2
    maps: tuple = (0, 1, 2, 3)  # 3 is made of the last one at half its resolution
    channels: int = 768
    pool_scales: tuple = (1, 2, 3, 6)
    aux_channels: int = 256  # 0 for no auxiliary head
    aux_map: int = 2
    aux_weight: float = 0.4
    dropout: float = 0.1
    num_classes: int = 150

    @property
    def reads_fourth(self):
        return 3 in self.maps or (self.aux_channels > 0 and self.aux_map == 3)

    def map_channels(self, number):
        return self.encoder.embed_dim[min(number, 2)]


_ENCODER_FIELDS = ("img_size", "in_chans", "patch_size", "embed_dim", "depth", "mlp_ratio", "kernel_size", "num_heads")


def segmentor_config_from_json(members):
    own = {field.name for field in dataclasses.fields(SegmentorConfig)} - {"encoder"}
    members = _fields_of(members, "the segmentor's configuration", own | set(_ENCODER_FIELDS))
    members = {name: tuple(value) if isinstance(value, list) else value for name, value in members.items()}
    encoder = ModelConfig(**{name: members[name] for name in _ENCODER_FIELDS})
    return SegmentorConfig(encoder=encoder, **{name: members[name] for name in own})


def preset(name, **changes):
    """The sizes of a named model: "base" or "convmae_base", "fastconvmae_small", "mae_large"."""
    method, _, size = name.lower().rpartition("_")
    method = method or "convmae"
    presets = _VIT_PRESETS if method == "mae" else _CONV_PRESETS
    if method not in METHODS or size not in presets:
        raise ConvmaeError(f"no model is named {name!r}: choose METHOD_SIZE of {', '.join(METHODS)} and "
                           f"{', '.join(_CONV_PRESETS)}, such as convmae_base")
    dims, depth, ratio, heads, decoder_dim, decoder_depth, decoder_heads, *patch = presets[size]
    sizes = {"embed_dim": dims, "depth": depth, "mlp_ratio": ratio, "num_heads": heads,
             "decoder_embed_dim": decoder_dim, "decoder_depth": decoder_depth, "decoder_num_heads": decoder_heads}
    if patch:
        sizes |= {"patch_size": tuple(patch), "kernel_size": ()}
    return ModelConfig(method=method, **(sizes | changes))


def heads_of_width(width, method) -> Optional[int]:
    """Attention heads of the named models whose last stage is so wide."""
    for dims, _, _, heads, *_ in (_VIT_PRESETS if method == "mae" else _CONV_PRESETS).values():
        if dims[-1] == width:
            return heads
    return None


def decoder_heads_of_widths(width, decoder_width, method) -> Optional[int]:
    for dims, _, _, _, decoder_dim, _, heads, *_ in (_VIT_PRESETS if method == "mae" else _CONV_PRESETS).values():
        if dims[-1] == width and decoder_dim == decoder_width:
            return heads
    return None
