"""ConvMAE for PyTorch: the models of the program `convmae` as modules, with the published names of their parameters.

    model = convmae.load("weights.safetensors")        # images -> three maps
    model = convmae.load(FILE, task="classify")        # images -> logits
    model = convmae.load(FILE, task="pretrain")        # images, noise -> loss
    model = convmae.load(FILE, task="segment")         # images -> logits a map
    model = convmae.create("convmae_base")             # new ones
"""

import sys

from .classifier import ConvVitClassifier, VitClassifier
from .config import ModelConfig, SegmentorConfig, preset
from .encoder import ConvVit
from .errors import ConvmaeError
from .loading import Preprocessing, create, load
from .native import native_available, plain
from .pretraining import MaskedConvVit, MaskedVit, Reconstruction
from .segmentor import Segmentor
from .timm_models import register as register_timm
from .vit import Vit

__all__ = ["ConvVit", "ConvVitClassifier", "ConvmaeError", "MaskedConvVit", "MaskedVit", "ModelConfig", "Preprocessing",
           "Reconstruction", "Segmentor", "SegmentorConfig", "Vit", "VitClassifier", "create", "load", "native_available", "plain",
           "preset", "register_timm"]

if "timm" in sys.modules:
    register_timm()
