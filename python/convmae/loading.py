"""Models from files, and new ones."""

import json
from dataclasses import dataclass
from typing import Optional

import torch

from .architecture import config_of_shapes, prefix_of, segmentor_of_shapes
from .classifier import ConvVitClassifier, VitClassifier
from .config import ModelConfig, SegmentorConfig, model_config_from_json, preset, segmentor_config_from_json
from .encoder import ConvVit
from .errors import ConvmaeError, expect
from .files import read_weights
from .layers import initialise
from .pretraining import MaskedConvVit, MaskedVit
from .segmentor import Segmentor, backbone_of
from .vit import Vit

TASKS = ("features", "classify", "pretrain", "segment")
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """What images of numbers from 0 to 1 [..., C, H, W] become before a model sees them."""

    mean: tuple
    std: tuple
    size: tuple  # of the images that the model was made for

    def __call__(self, images):
        mean, std = (torch.tensor(values, dtype=images.dtype, device=images.device).view(-1, 1, 1)
                     for values in (self.mean, self.std))
        return (images - mean) / std


@dataclass
class _Description:
    """What a file says of its model, or what its shapes do."""

    config: ModelConfig
    preprocessing: Preprocessing
    task: dict  # of convmae.task
    segmentor: Optional[SegmentorConfig]
    prefix: str


def _default_preprocessing(config):
    three = config.in_chans == 3
    return Preprocessing(_MEAN if three else (0.5,) * config.in_chans, _STD if three else (0.5,) * config.in_chans,
                         config.img_size)


def _json(text, what, path):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConvmaeError(f"{path!r} describes its {what} badly: {error}") from None


def _describe(file, num_heads):
    prefix = prefix_of(file.tensors)
    expect(prefix is not None, f"{file.path!r} holds no model that this package knows: see `convmae inspect`")
    for sign in ("windowed_rel_pos_bias", "rel_pos_h"):
        expect(not any(sign in name for name in file.tensors),
               f"{file.path!r} holds a detector, which this package has not: use `convmae detect`")
    segments = "decode_head.conv_seg.weight" in file.tensors
    if "convmae.model" not in file.metadata:
        segmentor = segmentor_of_shapes(file, prefix, num_heads) if segments else None
        config = segmentor.encoder if segments else config_of_shapes(file, prefix, num_heads)
        return _Description(config, _default_preprocessing(config), {}, segmentor, prefix)
    config = model_config_from_json(file.metadata["convmae.model"])
    if num_heads is not None:
        config = config.with_sizes(num_heads=num_heads)
    task = _json(file.metadata.get("convmae.task", "{}"), "task", file.path) or {}
    seen = _json(file.metadata.get("convmae.preprocessing", "{}"), "preprocessing", file.path)
    preprocessing = _default_preprocessing(config)
    if isinstance(seen, dict) and {"mean", "std", "size"} <= seen.keys():
        preprocessing = Preprocessing(*(tuple(seen[key]) for key in ("mean", "std", "size")))
    segmentor = segmentor_config_from_json(task["segmentor"]) if "segmentor" in task else None
    return _Description(config, preprocessing, task, segmentor, prefix)


def _make_features(file, about):
    if about.segmentor is not None:
        return backbone_of(about.segmentor)
    if about.config.is_vit:
        return Vit(about.config, norm=f"{about.prefix}norm.weight" in file.tensors)
    return ConvVit(about.config)


def _make_classifier(file, about, num_classes, drop_path_rate):
    made = VitClassifier if about.config.is_vit else ConvVitClassifier
    if num_classes is not None:
        return made(about.config, num_classes, drop_path_rate=drop_path_rate)
    head = next((file.tensors[name] for end in ("head.weight", "head.1.weight")
                 if (name := about.prefix + end) in file.tensors), None)
    expect(head is not None, f"{file.path!r} holds no classifier (it has no head.weight): give num_classes for a new head, "
                             "or load it without a task")
    probe = f"{about.prefix}head.1.weight" in file.tensors
    pool = about.task.get("pool") or ("mean" if f"{about.prefix}fc_norm.weight" in file.tensors else "token")
    model = made(about.config, head.shape[0], pool, probe, drop_path_rate)
    model.classes = about.task.get("classes")
    if probe:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith("head."))
    return model


def _make_pretraining(file, about):
    expect(f"{about.prefix}decoder_pred.weight" in file.tensors,
           f"{file.path!r} has an encoder alone, which cannot fill in blocks: give a checkpoint of pretraining")
    return (MaskedVit if about.config.is_vit else MaskedConvVit)(about.config)


def _make_segmentor(file, about):
    expect(about.segmentor is not None, f"{file.path!r} holds no segmentor: give what `convmae segment train` wrote")
    about.prefix = ""
    model = Segmentor(about.segmentor)
    model.classes = about.task.get("classes")
    return model


_MAKERS = {"features": _make_features, "classify": _make_classifier, "pretrain": _make_pretraining,
           "segment": _make_segmentor}


def load(path, task=None, num_heads=None, num_classes=None, drop_path_rate=0.0):
    """The model in a file of this program or of the published code, with published names, in evaluation mode.

    task None or "features": the encoder; images -> a list of maps. "classify": images -> logits. "pretrain": images,
    noise -> loss. "segment": images -> logits a map. Sizes come from the file's own description, else from its shapes;
    `num_heads` is needed where neither tells it. For the task "classify", `num_classes` means a new head on the file's
    encoder, and `drop_path_rate` the share of branches that training leaves out in the last block. Throws ConvmaeError
    for what a file does not hold."""
    task = task or "features"
    expect(task in TASKS, f"no task is named {task!r}: choose one of {', '.join(TASKS)}")
    file = read_weights(path)
    about = _describe(file, num_heads)
    expect(task == "classify" or (num_classes is None and drop_path_rate == 0),
           "num_classes and drop_path_rate are for the task classify: leave them out")
    more = (num_classes, drop_path_rate) if task == "classify" else ()
    with torch.device("meta"):
        model = _MAKERS[task](file, about, *more)
    _fill(model, file, about.prefix, new=("head.", "fc_norm.") if num_classes is not None else ())
    if num_classes is not None:
        model.reset_classifier(num_classes)
    model.preprocessing = about.preprocessing
    return model.eval()


def _fill(model, file, prefix, new=()):
    """Gives a model on the meta device the file's weights; what begins with one of `new` starts anew."""
    averaged = f"ema.{prefix}head.weight" in file.tensors
    state, tables = {}, set()
    for name, wanted in model.state_dict().items():
        stored = file.tensors.get(f"ema.{prefix}{name}") if averaged else None
        stored = file.tensors.get(prefix + name) if stored is None else stored
        if name.startswith(new):
            stored = (torch.ones if name == "fc_norm.weight" else torch.zeros)(wanted.shape)
        elif stored is None and name.rpartition(".")[2] in ("pos_embed", "decoder_pos_embed"):
            stored = torch.zeros(wanted.shape)
            tables.add(name)
        expect(stored is not None, f"{file.path!r} lacks the tensor {prefix + name!r}: give a whole checkpoint")
        expect(stored.shape == wanted.shape, f"tensor {prefix + name!r} of {file.path!r} has the shape "
                                             f"{list(stored.shape)}, but the model needs {list(wanted.shape)}")
        state[name] = stored.to(torch.float32 if wanted.is_floating_point() else wanted.dtype).contiguous()
    model.load_state_dict(state, assign=True)
    if tables:  # fixed ones may be left out
        kept = {name: value.clone() for name, value in state.items() if name.endswith("pos_embed") and name not in tables}
        model.set_tables()
        model.load_state_dict(kept, strict=False)


def create(name, task=None, num_classes=1000, pool="mean", drop_path_rate=0.0, **sizes):
    """A new model of named sizes ("convmae_base", "fastconvmae_small", "mae_large"), which `sizes` overrule under the
    program's names (img_size=(32, 32), embed_dim=...). Parameters start as the published code's do, and positions as sines
    and cosines."""
    task = task or "features"
    expect(task in TASKS[:3], f"no new model is made for the task {task!r}: choose one of {', '.join(TASKS[:3])}")
    config = preset(name, **sizes)
    if task == "features":
        model = Vit(config, drop_path_rate) if config.is_vit else ConvVit(config, drop_path_rate=drop_path_rate)
    elif task == "classify":
        model = (VitClassifier if config.is_vit else ConvVitClassifier)(config, num_classes, pool,
                                                                       drop_path_rate=drop_path_rate)
    else:
        model = (MaskedVit if config.is_vit else MaskedConvVit)(config)
    initialise(model, "xavier" if task == "pretrain" else "normal")
    if task == "classify":
        model.reset_classifier(num_classes)
    model.set_tables()
    model.preprocessing = _default_preprocessing(config)
    return model
