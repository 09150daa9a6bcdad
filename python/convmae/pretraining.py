"""Masked pretraining on the visible blocks alone: ConvMAE, FastConvMAE and MAE."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from . import operators
from .arrangement import image_to_blocks, join_cells
from .encoder import ConvVit
from .errors import expect
from .layers import EPS, TransformerBlock
from .masking import num_kept, sample_blocks, sample_complementary, take_blocks
from .positions import sincos_table
from .vit import Vit


class Reconstruction(NamedTuple):
    loss: Tensor
    pred: Tensor  # [views * B, L, block * block * C] the pixels of every block, channels fastest
    mask: Tensor  # [views * B, L] 0 = kept, 1 = removed


class _Decoder(nn.Module):
    """What the pretraining models have behind their encoder."""

    def _make_decoder(self):
        config = self.config
        expect(config.mask_unit == "block", "mask_unit position is an ablation that only the program computes: use it")
        dim, extra = config.decoder_embed_dim, int(config.is_vit)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, extra + config.num_blocks, dim), requires_grad=False)
        self.decoder_embed = nn.Linear(config.embed_dim[-1], dim)
        self.decoder_blocks = nn.ModuleList(TransformerBlock(dim, config.decoder_num_heads, config.mlp_ratio[0])
                                            for _ in range(config.decoder_depth))
        self.decoder_norm = nn.LayerNorm(dim, eps=EPS)
        self.decoder_pred = nn.Linear(dim, config.block**2 * config.in_chans)
        if self.pos_embed is not None:
            self.pos_embed.requires_grad_(False)

    def set_tables(self):
        super().set_tables()
        if self.config.use_decoder_pos_embed:
            self.decoder_pos_embed.data.copy_(
                sincos_table(self.config.decoder_embed_dim, self.config.grid, class_token=self.config.is_vit))

    def _views(self, noise, mask_ratio):
        grid, length = self.config.grid, noise.shape[1]
        if self.config.method == "fastconvmae":
            expect(mask_ratio is None, "FastConvMAE's mask ratio follows from its groups: leave out mask_ratio")
            return sample_complementary(noise, self.config.groups, grid)
        ratio = self.config.mask_ratio if mask_ratio is None else mask_ratio
        count = num_kept(length, ratio)
        expect(0 < count < length, f"mask_ratio {ratio} keeps {count} of the {length} blocks of an image: choose another")
        return [sample_blocks(noise, count, grid)]

    def _decode(self, latent, visibility, wanted):
        """Predictions [rows, L, pixels], or of the blocks that are wanted [rows, R]."""
        extra = int(self.config.is_vit)
        tokens = operators.linear(latent, self.decoder_embed)
        rows, count, dim = tokens[:, extra:].shape
        slot = visibility.slot.flatten(1)
        known = torch.cat([self.mask_token.view(1, dim).to(tokens.dtype), tokens[:, extra:].reshape(rows * count, dim)])
        first = torch.arange(rows, device=slot.device).unsqueeze(1) * count
        x = known.index_select(0, torch.where(slot >= 0, first + slot + 1, 0).flatten())
        x = torch.cat([tokens[:, :extra], x.view(rows, -1, dim)], 1) + self.decoder_pos_embed.to(tokens.dtype)
        last = len(self.decoder_blocks) - 1
        for number, block in enumerate(self.decoder_blocks):
            x = block(x, None, wanted + extra if wanted is not None and number == last else None)
        if wanted is not None and last < 0:
            x = take_blocks(x, wanted + extra)
        if wanted is None:
            x = x[:, extra:]
        return operators.linear(x, self.decoder_pred, self.decoder_norm)

    def _passes(self, images, noise, mask_ratio, everything):
        """Of every view: its sum of squared errors, their number, predictions and mask."""
        config = self.config
        expect(tuple(images.shape[2:]) == config.img_size,
               lambda: f"pretraining takes images of {config.img_size}, for which its decoder has positions, found "
               f"{tuple(images.shape[2:])}: resize them, or create another model")
        if noise is None:
            noise = torch.rand(images.shape[0], config.num_blocks, device=images.device)
        expect(tuple(noise.shape) == (images.shape[0], config.num_blocks),
               lambda: f"noise must be [{images.shape[0]}, {config.num_blocks}], found {list(noise.shape)}")
        targets = image_to_blocks(images, config.grid, (config.block,)).flatten(2)
        for visibility in self._views(noise.to(images.device), mask_ratio):
            latent = self.encode(images, visibility)
            pred = self._decode(latent, visibility, None if everything else visibility.removed)
            removed = take_blocks(pred, visibility.removed) if everything else pred
            target = take_blocks(targets, visibility.removed)
            if config.norm_pix_loss:
                variance, mean = torch.var_mean(target, dim=-1, keepdim=True)
                target = (target - mean) / (variance + 1e-6).sqrt()
            error = (removed.to(target.dtype) - target).square().sum()
            yield error, removed.numel(), pred, visibility

    def forward(self, images, noise=None, mask_ratio=None):
        """The loss: the mean squared error of removed blocks. `noise` [B, L] decides which these are: the blocks with the
        smallest numbers are kept. Without it, it is drawn."""
        passes = list(self._passes(images, noise, mask_ratio, everything=False))
        return sum(error for error, *_ in passes) / sum(count for _, count, *_ in passes)

    def reconstruct(self, images, noise=None, mask_ratio=None):
        """The same loss, the predictions of all blocks, and the mask."""
        passes = list(self._passes(images, noise, mask_ratio, everything=True))
        loss = sum(error for error, *_ in passes) / sum(count for _, count, *_ in passes)
        return Reconstruction(loss, torch.cat([pred for _, _, pred, _ in passes]),
                              torch.cat([visibility.mask() for *_, visibility in passes]))


class MaskedConvVit(_Decoder, ConvVit):
    """ConvMAE and FastConvMAE."""

    def __init__(self, config):
        ConvVit.__init__(self, config, side_branches=config.fusion)
        self.norm = nn.LayerNorm(config.embed_dim[2], eps=EPS)
        self._make_decoder()

    def encode(self, images, visibility):
        """The latent [rows, V, D]: norm(stage 3 + E1 + E2), blocks in ascending order."""
        stage1, stage2, x = self.stages(images, visibility)
        if self.config.fusion:
            x = x + operators.patches(join_cells(stage1, 1).squeeze(2), self.stage1_output_decode, self.nesting[0])
            x = x + operators.patches(join_cells(stage2, 1).squeeze(2), self.stage2_output_decode, self.nesting[1])
        return operators.norm_of(x, self.norm)


class MaskedVit(_Decoder, Vit):
    """MAE."""

    def __init__(self, config):
        Vit.__init__(self, config)
        self._make_decoder()

    def encode(self, images, visibility):
        """The latent [rows, 1 + V, D], the class token first."""
        return self.normed(self.tokens(images, visibility))
