"""The models under timm's names: `timm.create_model("convmae_base", ...)`, with features_only and out_indices.

timm is no part of what this package needs: `convmae.register_timm()` tells timm of the models, and importing convmae behind
timm does it too.
"""

from .classifier import ConvVitClassifier, VitClassifier
from .config import preset
from .errors import expect
from .layers import initialise

_CONV = ("nano", "tiny", "small", "base", "large", "huge")


def _make(name, num_classes=1000, in_chans=3, img_size=224, global_pool="avg", drop_path_rate=0.0, pretrained_cfg=None,
          pretrained_cfg_overlay=None, **unknown):
    """A classifier by timm's arguments."""
    unknown = {key for key, value in unknown.items() if value is not None and key != "cache_dir"}  # for what is fetched
    expect(not unknown, f"{name} does not take {sorted(unknown)}: leave it out")
    expect(global_pool in ("avg", "token", ""), f"global_pool must be avg or token, found {global_pool!r}")
    size = tuple(img_size) if isinstance(img_size, (tuple, list)) else (img_size, img_size)
    config = preset(name, img_size=size, in_chans=in_chans)
    made = VitClassifier if config.is_vit else ConvVitClassifier
    model = made(config, num_classes, "token" if global_pool == "token" else "mean", drop_path_rate=drop_path_rate)
    initialise(model, "normal")
    model.reset_classifier(num_classes)
    model.set_tables()
    model.default_cfg = model.pretrained_cfg = {
        "input_size": (in_chans, *size), "num_classes": num_classes, "classifier": "head", "fixed_input_size": False,
        "first_conv": "patch_embed.proj" if config.is_vit else "patch_embed1.proj", "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225)}
    return model


def _entry(name):
    def create(pretrained=False, features_only=False, out_indices=None, **arguments):
        from timm.models._features import FeatureGetterNet

        expect(not pretrained, f"there are no weights to fetch for {name}: give checkpoint_path, or convmae.load(FILE)")
        model = _make(name, **arguments)
        if not features_only:
            return model
        return FeatureGetterNet(model, out_indices=out_indices or tuple(range(len(model.feature_info))))

    create.__name__ = name
    create.__module__ = __name__
    return create


def register():
    """Tells timm of the models. A second call changes nothing."""
    from timm.models import is_model, register_model

    for method in ("convmae", "mae"):
        for size in _CONV:
            if not is_model(f"{method}_{size}"):
                register_model(_entry(f"{method}_{size}"))
