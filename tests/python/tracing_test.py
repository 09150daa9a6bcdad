"""torch.compile, torch.export and FakeTensor take the models, native and plain."""

import unittest

import torch
import torch._dynamo.testing
from torch._subclasses.fake_tensor import FakeTensorMode

import convmae
from models import agree, created, images_of, noise_of, ways

KINDS = (("convmae_base", "classify"), ("convmae_base", "pretrain"), ("mae_base", "classify"))


def make(name, task):
    more = {"embed_dim": (16,), "depth": (2,)} if name.startswith("mae") else {"depth": (1, 1, 1), "decoder_depth": 1}
    return created(name, task, **more, **({"num_classes": 3} if task == "classify" else {}))


def inputs_of(model, batch):
    images = images_of(model.config, batch)
    return (images, noise_of(model.config, batch)) if hasattr(model, "decoder_pred") else (images,)


class Tracing(unittest.TestCase):
    def each(self, check, kinds=KINDS):
        for kind in kinds:
            for way, context in ways():
                torch._dynamo.reset()
                with self.subTest(kind=kind, way=way), context():
                    check(make(*kind))

    def test_compiled_whole_with_any_batch(self):
        def check(model):
            counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
            compiled = torch.compile(model, fullgraph=True, backend=counter)
            for batch in (2, 3, 5):
                inputs = inputs_of(model, batch)
                found, wanted = compiled(*inputs), model(*inputs)
                agree(self, found.flatten(), wanted.flatten())
                weight = next(p for name, p in model.named_parameters() if name.endswith("attn.qkv.weight"))
                agree(self, *(torch.autograd.grad(x.square().sum(), weight)[0] for x in (found, wanted)))
            self.assertLessEqual(counter.frame_count, 2)  # for one batch, then for any

        self.each(check, KINDS[:2])

    def test_exported(self):
        def check(model):
            model.eval()
            batch = torch.export.Dim("batch", min=1, max=64)
            inputs = inputs_of(model, 2)
            names = ("images", "noise")[: len(inputs)]
            program = torch.export.export(model, inputs, dynamic_shapes={name: {0: batch} for name in names})
            inputs = inputs_of(model, 3)
            agree(self, program.module()(*inputs).flatten(), model(*inputs).flatten())

        self.each(check, KINDS[:2])

    def test_an_exported_plain_program_is_pytorch_alone(self):
        model = make(*KINDS[0]).eval()
        with convmae.plain():
            program = torch.export.export(model, inputs_of(model, 2))
        targets = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
        self.assertTrue(targets)
        self.assertFalse([target for target in targets if "convmae" in target])

    def test_shapes_without_numbers(self):
        def check(model):
            config = model.config
            with FakeTensorMode():
                model = type(model)(config, *[3] * (not hasattr(model, "decoder_pred")))
                images = torch.randn(2, 3, *config.img_size)
                if not hasattr(model, "decoder_pred"):
                    self.assertEqual(model(images).shape, (2, 3))
                    model(images).sum().backward()
                    weight = next(p for name, p in model.named_parameters() if name.endswith("attn.qkv.weight"))
                    self.assertEqual(weight.grad.shape, weight.shape)
                else:
                    self.assertEqual(model(images).shape, ())

        self.each(check)


if __name__ == "__main__":
    unittest.main()
