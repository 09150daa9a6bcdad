"""What people do with modules in Python, on the native path and the plain one."""

import copy
import unittest

import torch
from torch import nn
from torch.func import functional_call
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

import convmae
from models import SMALL, agree, created, images_of, noise_of, ways

KINDS = (("convmae_base", None), ("convmae_base", "classify"), ("convmae_base", "pretrain"),
         ("fastconvmae_base", "pretrain"), ("mae_base", None), ("mae_base", "classify"), ("mae_base", "pretrain"))
VIT = dict(embed_dim=(16,), depth=(2,))


def make(name, task, **more):
    classes = {"num_classes": 3} if task == "classify" else {}
    return created(name, task, **({**VIT, **more} if name.startswith("mae") else more), **classes)


def loss_of(model, images=None):
    """A number that depends on every parameter that there is."""
    images = images_of(model.config) if images is None else images
    if isinstance(model, (convmae.MaskedConvVit, convmae.MaskedVit)):
        return model(images, noise_of(model.config, len(images)).to(images.dtype))
    out = model(images)
    return sum((x.float().sin() * 0.1).mean() for x in (out if isinstance(out, list) else [out]))


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


class Module(unittest.TestCase):
    def each(self, check, kinds=KINDS):
        for kind in kinds:
            for way, context in ways():
                with self.subTest(kind=kind, way=way), context():
                    check(make(*kind))

    def step(self, model, **more):
        model.zero_grad()
        loss = loss_of(model, **more)
        loss.backward()
        return loss.detach(), gradients(model)

    def assert_same(self, one, other, tolerance=1e-5):
        agree(self, one[0].view(1), other[0].view(1), "loss", tolerance)
        self.assertEqual(one[1].keys(), other[1].keys())
        for name, value in other[1].items():
            if "qkv.bias" not in name:  # whose middle third is rounding noise
                agree(self, one[1][name], value, name, tolerance)

    def test_training_lowers_the_loss(self):
        def check(model):
            model.train()
            optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), 3e-3)
            losses = []
            for _ in range(6):
                losses.append(self.step(model)[0].item())
                optimizer.step()
            self.assertLess(losses[-1], losses[0])

        self.each(check)

    def test_every_trained_parameter_has_a_gradient(self):
        def check(model):
            found = self.step(model)[1]
            wanted = {name for name, p in model.named_parameters() if p.requires_grad}
            self.assertEqual(found.keys(), wanted)

        self.each(check)

    def test_bfloat16_is_near_float32(self):
        def check(model):
            wanted = self.step(model)
            found = self.step(model.bfloat16(), images=images_of(model.config).bfloat16())
            self.assertTrue(all(value.dtype == torch.bfloat16 for value in found[1].values()))
            self.assert_near(found, wanted)

        self.each(check)

    def test_autocast_is_near_float32(self):
        def check(model):
            wanted = self.step(model)
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(model)
            model.zero_grad()
            loss.backward()
            found = loss.detach(), gradients(model)
            self.assertTrue(all(value.dtype == torch.float32 for value in found[1].values()))
            self.assert_near(found, wanted)

        self.each(check)

    def assert_near(self, found, wanted):
        self.assertAlmostEqual(found[0].item(), wanted[0].item(), delta=0.03 * abs(wanted[0].item()) + 0.01)
        flat = [torch.cat([grads[name].float().flatten() for name in wanted[1]]) for grads in (found[1], wanted[1])]
        self.assertGreater(torch.cosine_similarity(*flat, dim=0).item(), 0.99)

    def test_float64_is_near_float32(self):
        def check(model):
            wanted = self.step(model)
            found = self.step(model.double(), images=images_of(model.config).double())
            self.assert_same(wanted, found, 1e-4)

        self.each(check)

    def test_copies_and_assigned_weights_compute_the_same(self):
        def check(model):
            wanted = self.step(model)
            self.assert_same(self.step(copy.deepcopy(model)), wanted)
            other = make(*self.kind_of(model), depth=model.config.depth)
            other.load_state_dict({name: value.clone() for name, value in model.state_dict().items()}, assign=True)
            self.assert_same(self.step(other), wanted)

        self.each(check)

    def kind_of(self, model):
        task = {convmae.ConvVitClassifier: "classify", convmae.VitClassifier: "classify",
                convmae.MaskedConvVit: "pretrain", convmae.MaskedVit: "pretrain"}.get(type(model))
        return f"{model.config.method}_base", task

    def test_functional_call_takes_other_parameters(self):
        def check(model):
            zeros = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
            images = images_of(model.config)
            out = functional_call(model, zeros, (images,))
            self.assertTrue(torch.equal(out, torch.zeros_like(out)))
            self.assertFalse(torch.equal(model(images), out))

        self.each(check, KINDS[1:2])

    def test_an_average_moves_with_the_model(self):
        def check(model):
            average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
            average.update_parameters(model)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(1)
            average.update_parameters(model)
            for mean, parameter in zip(average.parameters(), model.parameters()):
                agree(self, mean, parameter - 0.5, tolerance=1e-5)

        self.each(check, KINDS[:1])

    def test_hooks_are_called_and_obeyed(self):
        def check(model):
            images = images_of(model.config)
            wanted = model(images)
            for name in ("blocks3.0", "blocks1.0", "blocks1.0.conv1", "blocks1.0.attn", "blocks1.0.mlp.fc2",
                         "patch_embed1.proj", "patch_embed2", "blocks3.1.attn.qkv", "blocks3.1.norm1", "blocks3.1.mlp"):
                seen = []
                part = model.get_submodule(name)
                handle = part.register_forward_hook(lambda module, inputs, out: seen.append(out.shape))
                agree(self, model(images), wanted, name)
                self.assertEqual(len(seen), 1, name)
                handle.remove()
                handle = part.register_forward_hook(
                    lambda module, inputs, out: out + torch.linspace(0, 1, out.numel()).view_as(out))
                self.assertGreater((model(images) - wanted).abs().max().item(), 1e-6, name)
                handle.remove()

        self.each(check, KINDS[1:2])

    def test_what_takes_the_place_of_a_layer_is_called(self):
        class Adapter(nn.Module):
            def __init__(self, layer):
                super().__init__()
                self.layer = layer

            def forward(self, x):
                return self.layer(x) + 1

        def check(model):
            images = images_of(model.config)
            wanted = model(images)
            model.blocks3[0].attn.qkv = Adapter(model.blocks3[0].attn.qkv)
            self.assertGreater((model(images) - wanted).abs().max().item(), 1e-6)

        self.each(check, KINDS[1:2])

    def test_checkpointing_changes_nothing(self):
        def check(model):
            model.train()
            wanted = self.step(model)
            model.set_grad_checkpointing()
            self.assert_same(self.step(model), wanted)

        self.each(check)

    def test_workers_of_a_loader_may_compute(self):
        class Features(Dataset):
            def __init__(self, model):
                self.model = model

            def __len__(self):
                return 4

            def __getitem__(self, index):
                with torch.no_grad():
                    return self.model(images_of(self.model.config, 1, seed=index))[0]

        def check(model):
            with torch.no_grad():
                wanted = torch.cat([model(images_of(model.config, 1, seed=index)) for index in range(4)])
            found = torch.cat(list(DataLoader(Features(model), batch_size=2, num_workers=2)))
            agree(self, found, wanted)

        self.each(check, KINDS[1:2])

    def test_frozen_layers_cost_no_gradient(self):
        def check(model):
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(name.startswith(("blocks3.1", "head")))
            names = set(self.step(model)[1])
            self.assertEqual({name.split(".")[0] for name in names}, {"blocks3", "head"})

        self.each(check, KINDS[1:2])

    def test_drop_path_leaves_branches_out_in_training_alone(self):
        model = created(task="classify", drop_path_rate=0.9, num_classes=3)
        images = images_of(model.config, 8)
        self.assertTrue(torch.equal(model.eval()(images), model(images)))
        torch.manual_seed(0)
        self.assertFalse(torch.allclose(model.train()(images), model.eval()(images)))
        self.assertEqual([block.drop_path_rate for block in (*model.blocks1, *model.blocks2, *model.blocks3)][0], 0)


class Shapes(unittest.TestCase):
    def test_images_of_any_size_that_the_strides_divide(self):
        model = created()
        for size in ((32, 32), (48, 64), (16, 16)):
            shapes = [tuple(x.shape) for x in model(images_of(model.config, size=size))]
            self.assertEqual(shapes, [(2, width, size[0] // stride, size[1] // stride)
                                      for width, stride in ((8, 4), (12, 8), (16, 16))])
        vit = make("mae_base", None)
        self.assertEqual([tuple(x.shape) for x in vit(images_of(vit.config, size=(48, 16)))], [(2, 16, 3, 1)])

    def test_ablations_have_their_parameters(self):
        model = created(task="pretrain", position="relative", fusion=False)
        self.assertIn("blocks3.0.attn.relative_position_bias_table", model.state_dict())
        self.assertNotIn("pos_embed", model.state_dict())
        self.assertNotIn("stage1_output_decode.weight", model.state_dict())
        loss_of(model).backward()
        self.assertIsNotNone(model.blocks3[0].attn.relative_position_bias_table.grad)

    def test_removed_pixels_change_no_latent(self):
        for masked_conv in (True, False):
            model = created(task="pretrain", masked_conv=masked_conv).eval()
            images, noise = images_of(model.config), noise_of(model.config)
            (visibility,) = model._views(noise, None)
            changed = images.clone()
            for row, removed in enumerate(visibility.removed):
                for block in removed.tolist():
                    y, x = block // 2 * 16, block % 2 * 16
                    changed[row, :, y:y + 16, x:x + 16] += 1
            same = torch.equal(model.encode(images, visibility), model.encode(changed, visibility))
            self.assertEqual(same, masked_conv)  # without it, pixels leak: the ablation

    def test_timm_habits(self):
        for name in ("convmae_base", "mae_base"):
            model = make(name, "classify")
            images = images_of(model.config)
            count = len(model.feature_info)
            last, maps = model.forward_intermediates(images)
            self.assertEqual([x.shape[1] for x in maps], model.feature_info.channels())
            self.assertEqual([32 // x.shape[2] for x in maps], model.feature_info.reduction())
            some = model.forward_intermediates(images, indices=[0, -1], intermediates_only=True, output_fmt="NHWC")
            agree(self, some[0].permute(0, 3, 1, 2), maps[0])
            agree(self, some[1].permute(0, 3, 1, 2), maps[-1])
            self.assertEqual(len(model.forward_intermediates(images, indices=1)[1]), 1)
            agree(self, model.forward_head(model.forward_features(images)), model(images))
            model.reset_classifier(7)
            self.assertEqual(model(images).shape, (2, 7))
            self.assertIs(model.get_classifier(), model.head)
            model.reset_classifier(0)
            self.assertEqual(model(images).shape, (2, model.num_features))
            pruned = copy.deepcopy(model)
            self.assertEqual(pruned.prune_intermediate_layers([count - 2]), [count - 2])
            self.assertLess(sum(p.numel() for p in pruned.parameters()), sum(p.numel() for p in model.parameters()))
            (found,) = pruned.forward_intermediates(images, indices=[count - 2], intermediates_only=True)
            agree(self, found, maps[count - 2])


class Refusals(unittest.TestCase):
    def refused(self, fragment, call, *arguments, **keywords):
        with self.assertRaises(convmae.ConvmaeError) as caught:
            call(*arguments, **keywords)
        self.assertIn(fragment, str(caught.exception))

    def test_images_that_do_not_fit(self):
        model = created()
        self.refused("multiples of 16", model, torch.zeros(1, 3, 40, 32))
        self.refused("[batch, 3, height, width]", model, torch.zeros(1, 1, 32, 32))
        self.refused("[batch, 3, height, width]", model, torch.zeros(3, 32, 32))
        self.refused("normalised", model, torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
        self.refused("convert one of them", model, torch.zeros(1, 3, 32, 32).bfloat16())
        self.refused("are on", model, torch.zeros(1, 3, 32, 32, device="meta"))

    def test_pretraining_that_cannot_be(self):
        model = created(task="pretrain")
        images = images_of(model.config)
        self.refused("noise must be [2, 4]", model, images, torch.zeros(2, 5))
        self.refused("pretraining takes images of (32, 32)", model, images_of(model.config, size=(48, 48)))
        self.refused("keeps 0 of the 4", model, images, None, 0.99)
        self.refused("keeps 4 of the 4", model, images, None, 0.0)
        self.refused("follows from its groups", created("fastconvmae_base", "pretrain"), images, None, 0.5)

    def test_sizes_of_no_model(self):
        for changes, fragment in (({"embed_dim": (8, 12)}, "embed_dim takes 3"), ({"num_heads": 5}, "5 heads"),
                                  ({"kernel_size": (4, 5)}, "odd"), ({"img_size": (30, 32)}, "multiple"),
                                  ({"position": "learned"}, "sincos, relative, none")):
            self.refused(fragment, convmae.create, "convmae_base", **(SMALL | changes))
        self.refused("METHOD_SIZE", convmae.create, "resnet50")
        self.refused("mask_unit position", convmae.create, "convmae_base", "pretrain", **SMALL, mask_unit="position")

    def test_maps_that_are_not_there(self):
        model = created()
        self.refused("numbered from 0 to 2", model.forward_intermediates, images_of(model.config), [3])
        self.refused("output_fmt", model.forward_intermediates, images_of(model.config), output_fmt="NLC")


if __name__ == "__main__":
    unittest.main()
