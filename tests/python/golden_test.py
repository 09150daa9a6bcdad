"""The models against the published networks: maps, logits, losses and gradients within 1e-5."""

import unittest

import torch

import convmae
from models import agree, cases, config_of, fill, reference, segmentor_config_of, ways, weights_of


class Published(unittest.TestCase):
    def check_gradients(self, model, tensors, start, noise=()):
        for name, parameter in model.named_parameters():
            wanted = tensors.get(start + name)
            if wanted is not None and start + name not in noise:
                agree(self, parameter.grad, wanted, start + name)
                parameter.grad = None

    def each(self, names, check):
        self.assertTrue(names)
        for name in names:
            case, tensors = reference(name)
            for way, context in ways():
                with self.subTest(case=name, way=way), context():
                    check(case, tensors)

    def test_pretraining(self):
        names = [name for method in ("convmae", "fastconvmae", "mae") for name in cases(f"{method}_pretrain_")]

        def check(case, tensors):
            for normed, kind in ((True, "norm"), (False, "raw")):
                config = config_of(case, norm_pix_loss=normed)
                made = convmae.MaskedVit if config.is_vit else convmae.MaskedConvVit
                model = fill(made(config), weights_of(tensors))
                images, noise = tensors["in.imgs"], tensors["in.noise"]
                loss, pred, mask = model.reconstruct(images, noise)
                agree(self, pred, tensors["out.pred"])
                self.assertTrue(torch.equal(mask, tensors["out.mask"]))
                agree(self, loss.view(1), tensors[f"out.loss_{kind}"])
                loss = model(images, noise)
                agree(self, loss.view(1), tensors[f"out.loss_{kind}"])
                loss.backward()
                self.check_gradients(model, tensors, f"grad_{kind}.")

        self.each(names, check)

    def test_classification(self):
        made = {"convvit": convmae.ConvVitClassifier, "mae_vit": convmae.VitClassifier}
        names = [name for start in made for name in cases(f"{start}_finetune_") if "droppath" not in name]

        def check(case, tensors):
            pool = "mean" if case["global_pool"] else "token"
            model = made[case["case"][:7]](config_of(case), case["num_classes"], pool)
            fill(model, weights_of(tensors)).train()
            logits = model(tensors["in.imgs"])
            agree(self, logits, tensors["out.logits"])
            loss = torch.nn.functional.cross_entropy(logits, tensors["in.target"])
            agree(self, loss.view(1), tensors["out.loss_soft"])
            loss.backward()
            self.check_gradients(model, tensors, "grad.")

        self.each(names, check)

    def test_linear_probe(self):
        def check(case, tensors):
            pool = "mean" if case["global_pool"] else "token"
            model = convmae.ConvVitClassifier(config_of(case), case["num_classes"], pool, probe=True)
            last = case["steps"] - 1
            state = weights_of(tensors) | {
                part: tensors[f"out.{part}_step{last}"]
                for part in ("head.0.running_mean", "head.0.running_var", "head.1.weight", "head.1.bias")}
            fill(model, state).eval()
            features = model.forward_head(model.forward_features(tensors["in.imgs"]), pre_logits=True)
            agree(self, features, tensors["out.features"])
            agree(self, model(tensors["in.imgs"]), tensors["out.logits_eval_final"])

        self.each(cases("convvit_linprobe_"), check)

    def test_segmentor_backbone(self):
        def check(case, tensors):
            model = convmae.Segmentor(segmentor_config_of(case)).eval()
            state = {"backbone." + key: value for key, value in weights_of(tensors, "param.", "buffer.").items()}
            heads = {key: value for key, value in model.state_dict().items() if not key.startswith("backbone.")}
            fill(model, state | heads, ("relative_position_index",))
            maps = model.maps(tensors["in.imgs"])
            for number, found in enumerate(maps):
                agree(self, found, tensors[f"out_eval.feature{number}"])
            sum((found * tensors[f"in.cotangent{number}"]).sum() for number, found in enumerate(maps)).backward()
            self.check_gradients(model.backbone, tensors, "grad_eval.", case.get("noise_tensors", ()))

        self.each(cases("seg_backbone_"), check)

    def test_segmentor_in_windows(self):
        def check(case, tensors):
            model = convmae.Segmentor(segmentor_config_of(case)).eval()
            fill(model, weights_of(tensors, "param.", "buffer."), ("relative_position_index",))
            logits = model.slide(tensors["in.imgs"], stride=(case["stride"],) * 2)
            agree(self, logits, tensors["out.logits"])

        self.each(cases("seg_slide_"), check)


if __name__ == "__main__":
    unittest.main()
