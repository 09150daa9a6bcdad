"""Encoders with a head that tells classes apart, with the published names, and with timm's habits."""

from torch import nn

from . import operators
from .encoder import ConvVit
from .errors import expect
from .layers import EPS
from .vit import Vit

POOLS = ("mean", "token")
PROBE_EPS = 1e-6


class _Head(nn.Module):
    """What both classifiers have behind their encoder. `pool` is the mean of the tokens, or one token: the class token,
    which ConvMAE does not have, where published files mean the first."""

    def _make_head(self, num_classes, pool, probe):
        width = self.config.embed_dim[-1]
        expect(pool in POOLS, f"pool must be mean or token, found {pool!r}")
        self.pool, self.probe = pool, probe
        self.num_features = self.head_hidden_size = width
        self.classes = None  # their names, where the file says them
        setattr(self, "fc_norm" if pool == "mean" else "norm", nn.LayerNorm(width, eps=EPS))
        self.reset_classifier(num_classes)

    @property
    def global_pool(self):
        return "avg" if self.pool == "mean" else "token"

    def get_classifier(self):
        return self.head

    def reset_classifier(self, num_classes, global_pool=None):
        """A new head for so many classes; 0 for none: the model then gives features."""
        own = "avg" if self.pool == "mean" else "token"
        expect(global_pool in (None, own), f"this model pools by {own!r}, found global_pool {global_pool!r}: load it anew")
        self.num_classes = num_classes
        self.classes = None
        if num_classes == 0:
            self.head = nn.Identity()
            return
        parameter = next(self.parameters())
        like = {"device": parameter.device, "dtype": parameter.dtype}
        linear = nn.Linear(self.num_features, num_classes, **like)
        nn.init.normal_(linear.weight, std=0.01 if self.probe else 2e-5)
        nn.init.zeros_(linear.bias)
        norm = nn.BatchNorm1d(self.num_features, affine=False, eps=PROBE_EPS, **like) if self.probe else None
        self.head = nn.Sequential(norm, linear) if self.probe else linear

    def forward(self, images):
        """[B, K]"""
        return self.forward_head(self.forward_features(images))


class ConvVitClassifier(_Head, ConvVit):
    def __init__(self, config, num_classes, pool="mean", probe=False, drop_path_rate=0.0):
        ConvVit.__init__(self, config, drop_path_rate=drop_path_rate)
        self._make_head(num_classes, pool, probe)

    def forward_features(self, images):
        """The last map [B, D, h, w]."""
        return self.maps(images)[2]

    def forward_head(self, x, pre_logits=False):
        if self.pool == "mean":
            # Channels last, as the map lies in memory, and so its gradient: else every block adds it to its own slowly.
            x = operators.norm_of(x.permute(0, 2, 3, 1).mean((1, 2)), self.fc_norm)
        else:
            x = operators.norm_of(x[:, :, 0, 0], self.norm)
        return x if pre_logits else self.head(x)

    def prune_intermediate_layers(self, indices=1, prune_norm=False, prune_head=True):
        if prune_head:
            self.fc_norm, self.norm, self.head = nn.Identity(), nn.Identity(), nn.Identity()
        return super().prune_intermediate_layers(indices, prune_norm, prune_head)


class VitClassifier(_Head, Vit):
    def __init__(self, config, num_classes, pool="mean", probe=False, drop_path_rate=0.0):
        Vit.__init__(self, config, drop_path_rate, norm=False)
        self._make_head(num_classes, pool, probe)

    def forward_features(self, images):
        """The tokens [B, 1 + L, D], the class token first."""
        return self.tokens(images)

    def forward_head(self, x, pre_logits=False):
        if self.pool == "mean":
            x = operators.norm_of(x[:, 1:].mean(1), self.fc_norm)
        else:
            x = operators.norm_of(x[:, 0], self.norm)
        return x if pre_logits else self.head(x)

    def prune_intermediate_layers(self, indices=1, prune_norm=False, prune_head=True):
        if prune_head:
            self.fc_norm, self.head = nn.Identity(), nn.Identity()
        return super().prune_intermediate_layers(indices, prune_norm, prune_head)
