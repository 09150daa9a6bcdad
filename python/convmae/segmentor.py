"""UperNet on the encoder, as published: maps, two heads, windows over large images."""

import torch
import torch.nn.functional as F
from torch import nn

from .encoder import ConvVit, EncoderParts
from .errors import expect


def _resized_as(x, other):
    return F.interpolate(x, size=other.shape[2:], mode="bilinear", align_corners=False)


class ConvUnit(nn.Module):
    def __init__(self, in_chans, channels, kernel):
        super().__init__()
        self.conv = nn.Conv2d(in_chans, channels, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class UperHead(nn.Module):
    def __init__(self, in_chans, channels, pool_scales, num_classes, dropout):
        super().__init__()
        finer, coarsest = in_chans[:-1], in_chans[-1]
        self.conv_seg = nn.Conv2d(channels, num_classes, 1)
        self.dropout = nn.Dropout2d(dropout)
        self.psp_modules = nn.ModuleList(nn.Sequential(nn.AdaptiveAvgPool2d(scale), ConvUnit(coarsest, channels, 1))
                                         for scale in pool_scales)
        self.bottleneck = ConvUnit(coarsest + len(pool_scales) * channels, channels, 3)
        self.lateral_convs = nn.ModuleList(ConvUnit(width, channels, 1) for width in finer)
        self.fpn_convs = nn.ModuleList(ConvUnit(channels, channels, 3) for _ in finer)
        self.fpn_bottleneck = ConvUnit((len(finer) + 1) * channels, channels, 3)

    def forward(self, maps):
        coarsest = maps[-1]
        pooled = [coarsest, *(_resized_as(part(coarsest), coarsest) for part in self.psp_modules)]
        levels = [self.bottleneck(torch.cat(pooled, 1))]
        for lateral, x in zip(reversed(self.lateral_convs), reversed(maps[:-1])):
            x = lateral(x)
            levels.insert(0, x + _resized_as(levels[0], x))
        levels[:-1] = [smooth(x) for smooth, x in zip(self.fpn_convs, levels)]
        levels[1:] = [_resized_as(x, levels[0]) for x in levels[1:]]
        return self.conv_seg(self.dropout(self.fpn_bottleneck(torch.cat(levels, 1))))


class FcnHead(nn.Module):
    def __init__(self, in_chans, channels, num_classes, dropout):
        super().__init__()
        self.conv_seg = nn.Conv2d(channels, num_classes, 1)
        self.dropout = nn.Dropout2d(dropout)
        self.convs = nn.Sequential(ConvUnit(in_chans, channels, 3))

    def forward(self, x):
        return self.conv_seg(self.dropout(self.convs(x)))


def backbone_of(config, drop_path_rate=0.0):
    """The segmentor's encoder: LayerNorms have 1e-5 everywhere."""
    parts = EncoderParts(1e-5, 1e-5, config.relative_position, config.layer_scale or None)
    return ConvVit(config.encoder, parts, drop_path_rate)


class Segmentor(nn.Module):
    """images [B, C, H, W] -> logits [B, K, h, w] at the resolution of the finest map that the head reads. `slide` gives
    logits of whole images."""

    preprocessing = None

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.classes = None  # their names, where the file says them
        self.backbone = backbone_of(config, config.drop_path)
        width = config.encoder.embed_dim[2]
        if config.reads_fourth:
            self.backbone.fpn = nn.Sequential(nn.Conv2d(width, width, 3, stride=2), nn.BatchNorm2d(width), nn.GELU())
        self.decode_head = UperHead([config.map_channels(number) for number in config.maps], config.channels,
                                    config.pool_scales, config.num_classes, config.dropout)
        self.auxiliary_head = None
        if config.aux_channels:
            self.auxiliary_head = FcnHead(config.map_channels(config.aux_map), config.aux_channels, config.num_classes,
                                          config.dropout)

    def set_tables(self):
        self.backbone.set_tables()

    def maps(self, images):
        """The encoder's three maps and, where a head reads it, the fourth."""
        maps = self.backbone(images)
        return [*maps, self.backbone.fpn(maps[2])] if self.config.reads_fourth else maps

    def forward(self, images):
        maps = self.maps(images)
        return self.decode_head([maps[number] for number in self.config.maps])

    def loss(self, images, labels, ignore_index=255):
        """Cross entropy at the labels' [B, H, W] resolution, averaged over all pixels, ignored ones included as
        published, and that of the auxiliary head."""
        maps = self.maps(images)
        logits = [(self.decode_head([maps[number] for number in self.config.maps]), 1.0)]
        if self.auxiliary_head is not None:
            logits.append((self.auxiliary_head(maps[self.config.aux_map]), self.config.aux_weight))
        return sum(weight * F.cross_entropy(_resized_as(x, labels.unsqueeze(1)), labels, ignore_index=ignore_index,
                                            reduction="none").mean() for x, weight in logits)

    @torch.no_grad()
    def slide(self, images, crop=None, stride=None):
        """Logits [B, K, H, W] of images of any size: the mean of overlapping windows. What a window is larger than an
        image is filled with zeros."""
        expect(not self.training, "windows are looked at in evaluation mode: call eval() first")
        crop = crop or self.config.encoder.img_size
        stride = stride or tuple(max(side * 2 // 3, 1) for side in crop)
        height, width = images.shape[2:]
        x = F.pad(images, (0, max(crop[1] - width, 0), 0, max(crop[0] - height, 0)))
        total, counts = 0, x.new_zeros(1, 1, *x.shape[2:])
        for top in _starts(x.shape[2], crop[0], stride[0]):
            for left in _starts(x.shape[3], crop[1], stride[1]):
                window = x[:, :, top : top + crop[0], left : left + crop[1]]
                sides = (left, x.shape[3] - crop[1] - left, top, x.shape[2] - crop[0] - top)
                total = total + F.pad(_resized_as(self(window), window), sides)
                counts[:, :, top : top + crop[0], left : left + crop[1]] += 1
        return (total / counts)[:, :, :height, :width]


def _starts(size, crop, stride):
    """Multiples of the stride, and the last window pushed back inside."""
    return [*range(0, size - crop, stride), size - crop]
