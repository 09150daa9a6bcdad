"""MAE's encoder (arXiv 2111.06377): a transformer with a class token."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from . import operators
from .arrangement import blocks_to_map, image_to_blocks
from .encoder import FeatureInfo, check_images, chosen_maps
from .errors import expect
from .layers import EPS, TransformerBlock, set_drop_path
from .masking import take_blocks
from .positions import resize_positions, sincos_table


class Vit(nn.Module):
    """images [B, C, H, W] -> one map of the tokens behind the last norm, in a list. Images may have any size that the
    patches divide; on a grid other than its own the table of positions is interpolated."""

    preprocessing = None

    def __init__(self, config, drop_path_rate=0.0, norm=True):
        super().__init__()
        self.config = config
        self.grad_checkpointing = False
        dim, patch = config.embed_dim[0], config.patch_size[0]
        self.feature_info = FeatureInfo({"num_chs": dim, "reduction": patch, "module": f"blocks.{i}"}
                                        for i in range(config.depth[0]))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = None
        if config.position == "sincos":
            self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.num_blocks, dim))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(config.in_chans, dim, patch, patch)
        self.blocks = nn.ModuleList(TransformerBlock(dim, config.num_heads, config.mlp_ratio[0])
                                    for _ in range(config.depth[0]))
        self.norm = nn.LayerNorm(dim, eps=EPS) if norm else None
        set_drop_path(self.blocks, drop_path_rate)

    def set_tables(self):
        if self.pos_embed is not None:
            self.pos_embed.data.copy_(sincos_table(self.config.embed_dim[0], self.config.grid, class_token=True))

    def set_grad_checkpointing(self, enable=True):
        self.grad_checkpointing = enable

    def grid_of(self, images):
        return images.shape[2] // self.config.block, images.shape[3] // self.config.block

    def _embed(self, images, visibility):
        check_images(images, self.config, self.patch_embed.proj.weight)
        grid, patch = self.grid_of(images), self.config.patch_size
        x = image_to_blocks(images, grid, patch).flatten(2)
        if visibility is not None:
            x = take_blocks(x, visibility.kept)
        x = operators.patches(x, self.patch_embed.proj, patch)
        token = self.cls_token.to(x.dtype)
        if self.pos_embed is not None:
            positions = resize_positions(self.pos_embed, self.config.grid, grid, leading=1).to(x.dtype)
            own = positions[:, 1:]
            x = x + (own if visibility is None else take_blocks(own, visibility.kept))
            token = token + positions[:, :1]
        return torch.cat([token.expand(x.shape[0], -1, -1), x], 1)

    def _run(self, block, x):
        if self.grad_checkpointing and torch.is_grad_enabled():
            return checkpoint(block, x, use_reentrant=False)
        return block(x)

    def tokens(self, images, visibility=None):
        """[rows, 1 + V, D], the class token first, not normalised."""
        x = self._embed(images, visibility)
        for block in self.blocks:
            x = self._run(block, x)
        return x

    def normed(self, x):
        return x if self.norm is None else operators.norm_of(x, self.norm)

    def _map(self, tokens, images):
        return blocks_to_map(tokens[:, 1:].unsqueeze(2), self.grid_of(images), ())

    def maps(self, images):
        return [self._map(self.normed(self.tokens(images)), images)]

    def forward(self, images):
        return self.maps(images)

    def forward_intermediates(self, x, indices=None, norm=False, stop_early=False, output_fmt="NCHW",
                              intermediates_only=False):
        """What the chosen blocks give, as maps; or the last tokens behind the norm and these, as in timm."""
        expect(output_fmt in ("NCHW", "NHWC"), f"output_fmt must be NCHW or NHWC, found {output_fmt!r}")
        chosen = chosen_maps(len(self.feature_info), indices)
        last = max(chosen) if stop_early or intermediates_only else len(self.blocks) - 1
        tokens, found = self._embed(x, None), {}
        for number, block in enumerate(self.blocks[: last + 1]):
            tokens = self._run(block, tokens)
            if number in chosen:
                one = self._map(self.normed(tokens) if norm else tokens, x)
                found[number] = one if output_fmt == "NCHW" else one.permute(0, 2, 3, 1)
        taken = [found[number] for number in chosen]
        return taken if intermediates_only else (self.normed(tokens), taken)

    def prune_intermediate_layers(self, indices=1, prune_norm=False, prune_head=True):
        chosen = chosen_maps(len(self.feature_info), indices)
        self.blocks = self.blocks[: max(chosen) + 1]
        if prune_norm:
            self.norm = None
        return chosen
