"""Weights in files: safetensors and PyTorch's own. Nothing in a file is executed."""

import argparse
import json
import os
import pickle
from dataclasses import dataclass, field

import torch

from .errors import ConvmaeError, expect

# An average, or the network that is learned from, stands for the model where nothing else does.
_CONTAINERS = ("model", "state_dict", "model_state_dict", "module", "model_ema", "state_dict_ema", "ema", "teacher",
               "student", "encoder", "target_encoder", "backbone")
_WRAPPERS = ("module.", "_orig_mod.", "model.")
_DESCRIPTION = "convmae"  # the entry of a .pth file in which the program describes the model


@dataclass
class WeightFile:
    path: str
    tensors: dict  # by name
    metadata: dict = field(default_factory=dict)  # texts, as in safetensors
    arguments: dict = field(default_factory=dict)  # of the published training code


def read_weights(path):
    """Throws ConvmaeError that says what is wrong if the file is not one of weights."""
    path = os.fspath(path)
    if os.path.isdir(path) and os.path.isfile(os.path.join(path, "weights.safetensors")):
        path = os.path.join(path, "weights.safetensors")  # of a run
    try:
        with open(path, "rb") as file:
            begin = file.read(9)
    except OSError as error:
        raise ConvmaeError(f"cannot read {path!r}: {error.strerror}") from None
    expect(begin, f"{path!r} is empty")
    found = _read_safetensors(path) if begin[8:9] == b"{" else _read_pth(path, begin)
    expect(found.tensors, f"{path!r} holds no weights")
    return _without_wrappers(found)


def _read_safetensors(path):
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            names = [name for name in file.keys() if not name.startswith("optimizer.")]
            tensors = {name: file.get_tensor(name) for name in names}
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ConvmaeError(f"{path!r} is a damaged safetensors file ({error}): fetch or write it anew") from None
    arguments = metadata.get("convmae.arguments")
    try:
        arguments = json.loads(arguments) if arguments else {}
    except json.JSONDecodeError:
        arguments = {}
    return WeightFile(path, tensors, metadata, arguments if isinstance(arguments, dict) else {})


def _read_pth(path, begin):
    expect(begin[:2] == b"PK" or begin[:1] == b"\x80",
           f"{path!r} is neither a PyTorch checkpoint (.pth) nor a safetensors file")
    try:
        # The published files hold the arguments of their training: plain values in a namespace.
        with torch.serialization.safe_globals([argparse.Namespace]):
            root = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConvmaeError(f"cannot read {path!r} ({reason}): `convmae convert` reads more files, and writes "
                           "safetensors") from None
    expect(isinstance(root, dict), f"{path!r} holds a {type(root).__name__}, expected a dict of weights")
    arguments = root.get("args")
    arguments = vars(arguments) if isinstance(arguments, argparse.Namespace) else arguments
    description = root.get(_DESCRIPTION)
    return WeightFile(path, _find_weights(root),
                      {key: value for key, value in description.items() if isinstance(value, str)}
                      if isinstance(description, dict) else {},
                      arguments if isinstance(arguments, dict) else {})


def _find_weights(entries, depth=0):
    for name in _CONTAINERS:
        inner = entries.get(name)
        if isinstance(inner, dict) and depth < 4 and (found := _find_weights(inner, depth + 1)):
            return found
    return {name: value for name, value in entries.items() if isinstance(name, str) and isinstance(value, torch.Tensor)}


def _without_wrappers(file):
    for _ in range(8):
        wrapper = next((w for w in _WRAPPERS if all(name.startswith(w) for name in file.tensors)), None)
        if wrapper is None:
            break
        file.tensors = {name[len(wrapper) :]: tensor for name, tensor in file.tensors.items()}
    return file
