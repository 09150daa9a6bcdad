"""timm's create_model makes the models, where timm is installed."""

import importlib.util
import unittest

import torch

import convmae
from models import agree

SMALL = {"img_size": 32}


@unittest.skipUnless(importlib.util.find_spec("timm"), "timm is not installed")
class Timm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        convmae.register_timm()

    def test_a_classifier(self):
        import timm

        self.assertIn("convmae_nano", timm.list_models("convmae*"))
        model = timm.create_model("convmae_nano", num_classes=5, **SMALL).eval()
        images = torch.randn(2, 3, 32, 32)
        self.assertEqual(model(images).shape, (2, 5))
        model.reset_classifier(0)
        self.assertEqual(model(images).shape, (2, 192))

    def test_features_only(self):
        import timm

        images = torch.randn(2, 3, 64, 32)
        for name, indices, channels, reduction in (("convmae_nano", (1, 2), [96, 192], [8, 16]),
                                                   ("mae_nano", (2, 5), [192, 192], [16, 16])):
            model = timm.create_model(name, features_only=True, out_indices=indices, **SMALL).eval()
            self.assertEqual(model.feature_info.channels(), channels)
            self.assertEqual(model.feature_info.reduction(), reduction)
            maps = model(images)
            self.assertEqual([tuple(x.shape[1:]) for x in maps],
                             [(width, 64 // stride, 32 // stride) for width, stride in zip(channels, reduction)])
        torch.manual_seed(0)
        whole = timm.create_model("convmae_nano", **SMALL).eval()
        torch.manual_seed(0)
        maps = timm.create_model("convmae_nano", features_only=True, **SMALL).eval()(images)
        for found, wanted in zip(maps, whole.maps(images)):
            agree(self, found, wanted)

    def test_what_it_does_not_take(self):
        import timm

        with self.assertRaises(convmae.ConvmaeError):
            timm.create_model("convmae_nano", pretrained=True)


if __name__ == "__main__":
    unittest.main()
