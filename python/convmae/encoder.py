"""ConvMAE's encoder (arXiv 2205.03892): two convolutional stages and a transformer, on the visible blocks alone."""

from dataclasses import dataclass
from typing import Optional

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from . import operators
from .arrangement import blocks_to_map, image_to_blocks, join_cells
from .errors import expect
from .layers import CONV_EPS, EPS, ConvBlock, PatchEmbed, RelativePositions, TransformerBlock, set_drop_path
from .masking import all_visible, take_blocks
from .positions import resize_positions, sincos_table


class FeatureInfo(list):
    """A dict a map, finest first: num_chs, reduction, module."""

    def channels(self):
        return [info["num_chs"] for info in self]

    def reduction(self):
        return [info["reduction"] for info in self]


@dataclass(frozen=True)
class EncoderParts:
    """What the segmentor's encoder has beside its sizes."""

    conv_eps: float = CONV_EPS  # of the norms in stages 1 and 2
    eps: float = EPS  # of those in stage 3
    relative_position: str = "none"  # or per_block, shared: beside the table of absolute positions
    layer_scale: Optional[float] = None


def check_images(images, config, parameter):
    """Errors in words for what would else fail deep inside."""
    expect(images.dim() == 4 and images.shape[1] == config.in_chans,
           lambda: f"images must be [batch, {config.in_chans}, height, width], found {list(images.shape)}")
    block = config.block
    expect(images.shape[2] % block == 0 and images.shape[3] % block == 0 and min(images.shape[2:]) > 0,
           lambda: f"the sides of images must be multiples of {block}, found {list(images.shape[2:])}: resize or pad them")
    expect(images.is_floating_point(),
           lambda: f"images must be normalised numbers, found {images.dtype}: see the model's `preprocessing`")
    if images.dtype != parameter.dtype:
        expect(torch.is_autocast_enabled(images.device.type),
               lambda: f"images are {images.dtype} but the model is {parameter.dtype}: convert one of them, or use autocast")
    expect(images.device == parameter.device,
           lambda: f"images are on {images.device} but the model is on {parameter.device}: move one of them")


def chosen_maps(count, indices):
    """The numbers of maps that `indices` means: None all, n the last n, or a list."""
    if indices is None:
        return list(range(count))
    if isinstance(indices, int):
        indices = range(count - indices, count)
    chosen = [index + count if index < 0 else index for index in indices]
    expect(all(0 <= index < count for index in chosen), f"maps are numbered from 0 to {count - 1}, found {chosen}")
    return chosen


class ConvVit(nn.Module):
    """images [B, C, H, W] -> three maps, finest first. Images may have any size that the strides divide; on a grid
    other than its own a table of positions is interpolated."""

    preprocessing = None  # of the images, where the file says it

    def __init__(self, config, parts=EncoderParts(), drop_path_rate=0.0, side_branches=False):
        super().__init__()
        self.config = config
        self.grad_checkpointing = False
        dim, stride = config.embed_dim, config.patch_size
        relative = "per_block" if config.position == "relative" else parts.relative_position
        self.nesting = ((stride[2], stride[1]), (stride[2],), ())
        self.num_stages = 3
        reductions = (stride[0], stride[0] * stride[1], config.block)
        self.feature_info = FeatureInfo({"num_chs": dim[i], "reduction": reductions[i], "module": f"blocks{i + 1}"}
                                        for i in range(3))
        self.pos_embed = None
        if config.position == "sincos":
            self.pos_embed = nn.Parameter(torch.zeros(1, config.num_blocks, dim[2]))
        self.patch_embed1 = PatchEmbed(config.in_chans, dim[0], stride[0])
        self.patch_embed2 = PatchEmbed(dim[0], dim[1], stride[1])
        self.patch_embed3 = PatchEmbed(dim[1], dim[2], stride[2])
        self.patch_embed4 = nn.Linear(dim[2], dim[2])
        if side_branches:
            self.stage1_output_decode = nn.Conv2d(dim[0], dim[2], stride[1] * stride[2], stride[1] * stride[2])
            self.stage2_output_decode = nn.Conv2d(dim[1], dim[2], stride[2], stride[2])

        def conv_stage(number):
            return nn.ModuleList(ConvBlock(dim[number], config.mlp_ratio[number], config.kernel_size[number],
                                           self.nesting[number], parts.conv_eps) for _ in range(config.depth[number]))

        self.blocks1 = conv_stage(0)
        self.blocks2 = conv_stage(1)
        own_grid = config.grid if relative == "per_block" else None
        self.blocks3 = nn.ModuleList(TransformerBlock(dim[2], config.num_heads, config.mlp_ratio[2], parts.eps, own_grid,
                                                      parts.layer_scale) for _ in range(config.depth[2]))
        self.rel_pos_bias = RelativePositions(config.num_heads, config.grid) if relative == "shared" else None
        set_drop_path([*self.blocks1, *self.blocks2, *self.blocks3], drop_path_rate)

    def set_tables(self):
        """Fills the table of positions with sines and cosines."""
        if self.pos_embed is not None:
            self.pos_embed.data.copy_(sincos_table(self.config.embed_dim[2], self.config.grid))

    def set_grad_checkpointing(self, enable=True):
        """Whether activations inside a block are computed once more in the backward pass instead of kept."""
        self.grad_checkpointing = enable

    def grid_of(self, images):
        return images.shape[2] // self.config.block, images.shape[3] // self.config.block

    def _run(self, block, *arguments):
        if self.grad_checkpointing and torch.is_grad_enabled():
            return checkpoint(block, *arguments, use_reentrant=False)
        return block(*arguments)

    def stages(self, images, visibility=None, count=3):
        """What the first `count` stages make of the visible blocks (default: all): [rows, V, P1, C1],
        [rows, V, P2, C2], [rows, V, D]."""
        check_images(images, self.config, self.patch_embed1.proj.weight)
        stride, grid = self.config.patch_size, self.grid_of(images)
        x = image_to_blocks(images, grid, (stride[2], stride[1], stride[0]))
        seen = visibility
        if visibility is None or not self.config.masked_conv:
            # Without the masked convolution (an ablation) stages 1 and 2 see everything.
            rows = images.shape[0] if visibility is None else visibility.kept.shape[0]
            seen = all_visible(rows, grid, images.device)
        if visibility is not None:
            x = take_blocks(x, seen.kept)

        def kept_only(x):
            return x if seen is visibility or visibility is None else take_blocks(x, visibility.kept)

        whole = self.patch_embed1(join_cells(x, (stride[1] * stride[2]) ** 2))
        for block in self.blocks1:
            whole = self._run(block, whole, seen, grid)
        features = [kept_only(whole)]
        if count > 1:
            whole = self.patch_embed2(join_cells(whole, stride[2] ** 2))
            for block in self.blocks2:
                whole = self._run(block, whole, seen, grid)
            features.append(kept_only(whole))
        if count > 2:
            features.append(self._third_stage(features[1], grid, visibility))
        return features

    def _third_stage(self, x, grid, visibility):
        x = self.patch_embed3(join_cells(x, 1)).squeeze(2)
        x = operators.linear(x, self.patch_embed4)
        places = None if visibility is None else visibility.kept
        if self.pos_embed is not None:
            positions = resize_positions(self.pos_embed, self.config.grid, grid).to(x.dtype)
            x = x + (positions if places is None else take_blocks(positions, places))
        shared = None if self.rel_pos_bias is None else self.rel_pos_bias(grid, places)
        for block in self.blocks3:
            x = self._run(block, x, block.attn.own_bias(grid, places) if shared is None else shared)
        return x

    def maps(self, images, count=3):
        features = self.stages(images, count=count)
        if count > 2:
            features[2] = features[2].unsqueeze(2)
        grid = self.grid_of(images)
        return [blocks_to_map(x, grid, nesting) for x, nesting in zip(features, self.nesting)]

    def forward(self, images):
        return self.maps(images)

    def forward_intermediates(self, x, indices=None, norm=False, stop_early=False, output_fmt="NCHW",
                              intermediates_only=False):
        """The chosen maps, or the last one and these, as in timm. There is no norm behind the stages."""
        expect(output_fmt in ("NCHW", "NHWC"), f"output_fmt must be NCHW or NHWC, found {output_fmt!r}")
        chosen = chosen_maps(3, indices)
        count = max(chosen, default=0) + 1 if stop_early or intermediates_only else 3
        maps = self.maps(x, min(count, self.num_stages))
        taken = [maps[index] if output_fmt == "NCHW" else maps[index].permute(0, 2, 3, 1) for index in chosen]
        return taken if intermediates_only else (maps[-1], taken)

    def prune_intermediate_layers(self, indices=1, prune_norm=False, prune_head=True):
        """Removes the stages that are not needed for these maps, and returns the maps' numbers."""
        chosen = chosen_maps(3, indices)
        self.num_stages = max(chosen) + 1
        for stage in range(self.num_stages + 1, 4):
            setattr(self, f"blocks{stage}", nn.ModuleList())
        return chosen
