"""What the tests of the Python package share: models of the reference data, small ones, and comparisons."""

import contextlib
import json
import os
from pathlib import Path

import torch
from safetensors import safe_open

import convmae
from convmae import ModelConfig, SegmentorConfig

GOLDEN = Path(os.environ.get("CONVMAE_GOLDEN", Path(__file__).parents[1] / "golden"))
SMALL = dict(img_size=(32, 32), embed_dim=(8, 12, 16), depth=(1, 1, 2), num_heads=2, decoder_embed_dim=16,
             decoder_depth=2, decoder_num_heads=2)

torch.set_num_threads(1)


def reference(name):
    """The configuration of a case, and its tensors by name."""
    with safe_open(GOLDEN / f"{name}.safetensors", "pt") as file:
        return json.loads(file.metadata()["config"]), {key: file.get_tensor(key) for key in file.keys()}


def cases(start):
    return sorted(path.stem for path in GOLDEN.glob(f"{start}*.safetensors"))


def _listed(value):
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _pair(value):
    return tuple(value) if isinstance(value, list) else (value, value)


def config_of(case, **more):
    method = {"fast": "fastconvmae", "mae_": "mae"}.get(case["case"][:4], "convmae")
    sizes = {name: case[name] for name in ("in_chans", "num_heads", "decoder_embed_dim", "decoder_depth",
                                           "decoder_num_heads", "mask_ratio", "groups") if name in case}
    for name in ("patch_size", "embed_dim", "depth", "mlp_ratio"):
        sizes[name] = _listed(case.get(name, (4, 2, 2)))
    sizes["kernel_size"] = () if method == "mae" else tuple(case.get("kernel_size", (5, 5)))
    return ModelConfig(method=method, img_size=_pair(case["img_size"]), **(sizes | more))


def segmentor_config_of(case):
    relative = {(True, False): "per_block", (False, True): "shared"}
    return SegmentorConfig(encoder=config_of(case), layer_scale=case["init_values"] or 0, drop_path=0, dropout=0,
                           relative_position=relative[case["use_rel_pos_bias"], case["use_shared_rel_pos_bias"]],
                           channels=case.get("channels", 8), aux_channels=case.get("aux_channels", 0),
                           num_classes=case.get("num_classes", 2))


def weights_of(tensors, *parts):
    """The state dict of a case: what begins with one of these."""
    return {name[len(part):]: value for part in parts or ("param.",) for name, value in tensors.items()
            if name.startswith(part)}


def fill(model, state, unknown=()):
    """Gives a model its weights; fixed tables and counters may be missing."""
    loaded = model.load_state_dict(state, strict=False)
    assert all(name.endswith(("pos_embed", "num_batches_tracked")) for name in loaded.missing_keys), loaded.missing_keys
    assert all(name.endswith(unknown) for name in loaded.unexpected_keys) if unknown else not loaded.unexpected_keys
    if any(name.endswith("pos_embed") for name in loaded.missing_keys):
        model.set_tables()
    return model


def images_of(config, batch=2, seed=0, size=None):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, config.in_chans, *(size or config.img_size), generator=generator)


def noise_of(config, batch=2, seed=1):
    return torch.rand(batch, config.num_blocks, generator=torch.Generator().manual_seed(seed))


def created(name="convmae_base", task=None, seed=0, **more):
    """A small model whose every parameter counts."""
    torch.manual_seed(seed)
    model = convmae.create(name, task, **(SMALL | more))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return model


def agree(test, found, wanted, name="", tolerance=1e-5):
    """Within `tolerance` of the largest number that is wanted."""
    test.assertEqual(found.shape, wanted.shape, name)
    if wanted.numel() == 0:
        return
    difference = (found.double() - wanted.double()).abs().max().item()
    test.assertLessEqual(difference, tolerance * max(wanted.abs().max().item(), 1e-30), name)


def ways():
    """The native path, where there is one, and the plain one."""
    yield "plain", convmae.plain
    if convmae.native_available():
        yield "native", contextlib.nullcontext
