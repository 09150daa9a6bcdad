"""`convmae convert` and `--init` with files of others: what Python wrote comes back as it was."""

import json
import os
import unittest
from pathlib import Path

import torch
from safetensors.torch import load_file

from program import ProgramTest, checkpoints, run_program, steps

GOLDEN = Path(os.environ.get("CONVMAE_GOLDEN", Path(__file__).parents[1] / "golden"))
CHECKPOINT = GOLDEN / "pth" / "checkpoint_torch18_cuda.pth"
# The model in it.
SIZES = ("--embed_dim 8 12 20 --depth 2 1 2 --mlp_ratio 2 2 2 --num_heads 2 "
         "--decoder_embed_dim 16 --decoder_depth 1 --decoder_num_heads 2 --threads 1 "
         "--panel_images 0").split()


def same(left, right):
    return left.dtype == right.dtype and left.shape == right.shape and torch.equal(left, right)


class Convert(ProgramTest):
    def convert(self, source, target, *arguments):
        result = run_program("convert", source, target, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def load(self, path):
        return torch.load(path, weights_only=True)

    def assert_same_state(self, left, right):
        self.assertEqual(list(left), list(right))
        for name, value in left.items():
            self.assertTrue(same(value, right[name]), name)

    def setUp(self):
        super().setUp()
        self.published = torch.load(CHECKPOINT, weights_only=False, map_location="cpu")

    def test_round_trip_by_way_of_safetensors(self):
        middle, last = self.folder / "a.safetensors", self.folder / "b.pth"
        self.convert(CHECKPOINT, middle)
        weights = load_file(middle)
        for name, value in self.published["model"].items():
            self.assertTrue(same(value, weights[name]), name)
        self.convert(middle, last)
        back = self.load(last)
        self.assert_same_state(self.published["model"], back["model"])
        self.assertEqual(back["epoch"], self.published["epoch"])
        before, after = self.published["optimizer"], back["optimizer"]
        self.assertEqual(before["state"].keys(), after["state"].keys())
        for number, state in before["state"].items():
            self.assertEqual(float(state["step"]), float(after["state"][number]["step"]))
            for key in ("exp_avg", "exp_avg_sq"):
                self.assertTrue(same(state[key], after["state"][number][key]))
        self.assertEqual(before["param_groups"], after["param_groups"])

    def test_python_goes_on_from_the_optimizer_state(self):
        path = self.folder / "a.pth"
        self.convert(CHECKPOINT, path)
        parameters = {name: torch.nn.Parameter(value)
                      for name, value in self.load(path)["model"].items()
                      if name not in ("pos_embed", "decoder_pos_embed")}
        plain = [p for n, p in parameters.items() if p.dim() == 1 or n.endswith(".bias")]
        others = [p for n, p in parameters.items() if p.dim() != 1 and not n.endswith(".bias")]
        optimizer = torch.optim.AdamW([{"params": plain, "weight_decay": 0.0}, {"params": others}])
        optimizer.load_state_dict(self.load(path)["optimizer"])
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                self.assertEqual(optimizer.state[parameter]["exp_avg"].shape, parameter.shape)

    def test_own_weights_open_in_python(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        path = self.folder / "ours.pth"
        for source in (self.run_directory / "weights.safetensors",
                       checkpoints(self.run_directory)[-1]):
            self.convert(source, path)
            expected = load_file(self.run_directory / "weights.safetensors")
            found = self.load(path)
            self.assertEqual(found["model"].keys(), expected.keys())
            for name, value in expected.items():
                self.assertTrue(same(value, found["model"][name]), name)
            self.assertEqual(found["epoch"], 0)  # the number of the last one

    def test_own_training_checkpoints_go_on_in_python(self):
        self.pretrain("--batch_size", 10, "--epochs", 2, "--weight_decay", 0.03, "--beta2", 0.9)
        source, path = checkpoints(self.run_directory)[-1], self.folder / "ours.pth"
        self.convert(source, path)
        checkpoint, tensors = self.load(path), load_file(source)
        models = json.loads((GOLDEN / "keys_models.json").read_text())
        published = [name for name, _, _ in
                     models["convmae_convvit_base_patch16 (pretrain)"]["state_dict"]]
        self.assertEqual(list(checkpoint["model"]),
                         [name for name in published if name in checkpoint["model"]])
        self.assertEqual(checkpoint["epoch"], 1)

        # The groups of the published code: first what does not decay.
        parameters = {name: torch.nn.Parameter(value) for name, value in checkpoint["model"].items()
                      if name not in ("pos_embed", "decoder_pos_embed")}
        plain = {n: p for n, p in parameters.items() if p.dim() == 1 or n.endswith(".bias")}
        others = {n: p for n, p in parameters.items() if n not in plain}
        optimizer = torch.optim.AdamW([{"params": list(plain.values()), "weight_decay": 0.0},
                                       {"params": list(others.values())}], lr=1)
        optimizer.load_state_dict(checkpoint["optimizer"])
        self.assertEqual([group["weight_decay"] for group in optimizer.param_groups], [0, 0.03])
        self.assertEqual({tuple(group["betas"]) for group in optimizer.param_groups}, {(0.9, 0.9)})
        for name, parameter in parameters.items():
            state = optimizer.state[parameter]
            self.assertEqual(float(state["step"]), 4)
            for key in ("exp_avg", "exp_avg_sq"):
                self.assertTrue(same(state[key], tensors[f"optimizer.{key}.{name}"]), name)
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()

    def test_a_description_of_the_model_goes_along(self):
        self.pretrain("--batch_size", 10, "--epochs", 1, "--method", "fastconvmae", "--groups", 2,
                      "--norm_pix_loss", "--mean", "0.4,0.5,0.6")
        weights = self.run_directory / "weights.safetensors"
        pth, back = self.folder / "a.pth", self.folder / "b.safetensors"
        self.convert(weights, pth)
        self.convert(pth, back)
        image = next(self.data.iterdir())
        pictures = []
        for number, path in enumerate((weights, pth, back)):
            out = self.folder / f"{number}.png"
            result = run_program("reconstruct", "--checkpoint", path, "--out", out, image)
            self.assertEqual(result.returncode, 0, result.stderr)
            pictures.append(out.read_bytes())
        self.assertEqual(len(set(pictures)), 1)

    def test_layouts(self):
        def names(layout, *arguments, container="model"):
            path = self.folder / f"{layout}.pth"
            self.convert(CHECKPOINT, path, "--layout", layout, *arguments)
            return set(self.load(path)[container])

        everything = set(self.published["model"])
        encoder = {name for name in everything
                   if not name.startswith("decoder_") and name != "mask_token"}
        self.assertEqual(names("convmae"), everything)
        self.assertEqual(names("convmae", "--encoder_only"), encoder)
        self.assertEqual(names("timm"), encoder)
        self.assertEqual(names("mmseg", container="state_dict"), {"backbone." + n for n in encoder})
        self.assertEqual(names("detectron2"), {"backbone.bottom_up." + n for n in encoder})
        # and from a detector back to the published names
        path = self.folder / "back.safetensors"
        self.convert(self.folder / "detectron2.pth", path, "--layout", "convmae")
        self.assertEqual(set(load_file(path)), encoder)

    def test_heads_are_no_encoder(self):
        model = dict(self.published["model"], **{"head.weight": torch.zeros(10, 20),
                                                 "fc_norm.weight": torch.zeros(20)})
        source, target = self.folder / "head.pth", self.folder / "out.safetensors"
        torch.save({"model": model}, source)
        self.convert(source, target, "--encoder_only")
        self.assertFalse([n for n in load_file(target) if n.startswith(("head", "fc_norm"))])
        self.convert(source, target, "--layout", "timm")
        self.assertIn("head.weight", load_file(target))

    def test_element_types(self):
        for name in ("float16", "bfloat16", "float64"):
            dtype = getattr(torch, name)
            for target in ("a.pth", "a.safetensors"):
                path = self.folder / target
                self.convert(CHECKPOINT, path, "--dtype", name)
                found = load_file(path) if target.endswith("s") else self.load(path)["model"]
                for key, value in self.published["model"].items():
                    self.assertTrue(same(value.to(dtype), found[key]), key)

    def test_views_and_wrappers(self):
        model = {"module.blocks.w": torch.arange(12.0).view(3, 4).t(), "module.b": torch.ones(2)}
        source, target = self.folder / "wrapped.pth", self.folder / "out.safetensors"
        torch.save({"state_dict": model}, source)
        self.convert(source, target)
        found = load_file(target)
        self.assertEqual(set(found), {"blocks.w", "b"})
        self.assertTrue(torch.equal(found["blocks.w"], model["module.blocks.w"]))

    def test_errors_leave_nothing_behind(self):
        target = self.folder / "out.pth"
        broken = GOLDEN / "pth_bad" / "truncated.pth"
        for arguments, fragments in (
            ((broken, target), ("truncated.pth",)),
            ((self.folder / "none", target), ("none",)),
            ((CHECKPOINT, self.folder / "out.xyz"), ("--to",)),
            ((CHECKPOINT, target, "--layout", "keras"), ("keras", "detectron2")),
            ((CHECKPOINT, target, "--dtype", "int8"), ("int8", "bfloat16")),
            ((CHECKPOINT, self.folder / "no" / "out.pth"), ("out.pth",)),
        ):
            self.assert_user_error(run_program("convert", *arguments), *fragments)
            self.assertEqual(list(self.folder.iterdir()), [])
        other = self.folder / "other.pth"
        torch.save({"conv.weight": torch.zeros(2)}, other)
        self.assert_user_error(run_program("convert", other, target, "--encoder_only"), "other.pth")
        self.assertFalse(target.exists())


class Init(ProgramTest):
    def init(self, path, input_size=64, sizes=SIZES):
        return self.call("--data", self.data, "--out", self.run_directory, *sizes, "--input_size",
                         input_size, "--init", path, "--batch_size", 10, "--epochs", 1, "--lr", 0)

    def started_with(self):
        return load_file(self.run_directory / "weights.safetensors")

    def saved(self, name, change=lambda model: model):
        published = torch.load(CHECKPOINT, weights_only=False, map_location="cpu")["model"]
        path = self.folder / name
        torch.save({"model": change(dict(published))}, path)
        return published, path

    def test_published_checkpoint(self):
        published, _ = self.saved("unused.pth")
        result = self.init(CHECKPOINT)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("took 105 tensors", result.stderr)
        for name, value in self.started_with().items():
            self.assertTrue(torch.equal(value, published[name]), name)

    def go_on(self, path, *arguments):
        return self.call("--data", self.data, "--out", self.run_directory, "--threads", 1,
                         "--panel_images", 0, "--init", path, "--init_optimizer", "--batch_size",
                         10, "--accum_iter", 2, *arguments)

    def test_training_goes_on_as_in_python(self):
        heads = ("--num_heads", 2, "--decoder_num_heads", 2)
        result = self.go_on(CHECKPOINT, *heads, "--epochs", 41)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("the optimizer's state of 105 parameters after 40 epochs", result.stderr)
        [step] = steps(self.run_directory)
        self.assertEqual((step["step"], step["epoch"], step["lr"]), (41, 40, 0.00015))
        ours = load_file(checkpoints(self.run_directory)[-1])

        # The gradient of the step, from what it did to the average; PyTorch does the rest.
        published = torch.load(CHECKPOINT, weights_only=False, map_location="cpu")
        parameters = {name: torch.nn.Parameter(value) for name, value in published["model"].items()
                      if name not in ("pos_embed", "decoder_pos_embed")}
        plain = [p for n, p in parameters.items() if p.dim() == 1 or n.endswith(".bias")]
        others = [p for n, p in parameters.items() if p.dim() != 1 and not n.endswith(".bias")]
        optimizer = torch.optim.AdamW([{"params": plain}, {"params": others}])
        optimizer.load_state_dict(published["optimizer"])
        for name, parameter in parameters.items():
            average = ours["optimizer.exp_avg." + name].double()
            before = optimizer.state[parameter]["exp_avg"].double()
            parameter.grad = ((average - 0.9 * before) / 0.1).float()
        optimizer.step()
        for name, parameter in parameters.items():
            with self.subTest(name):
                state = optimizer.state[parameter]
                torch.testing.assert_close(ours[name], parameter.data, rtol=1e-6, atol=1e-8)
                torch.testing.assert_close(ours["optimizer.exp_avg_sq." + name],
                                           state["exp_avg_sq"], rtol=1e-4, atol=1e-12)
                self.assertEqual(ours["optimizer.step." + name], state["step"])

    def test_a_converted_checkpoint_goes_on_alike_and_the_configuration_repeats_it(self):
        heads = ("--num_heads", 2, "--decoder_num_heads", 2)
        self.assertEqual(self.go_on(CHECKPOINT, *heads, "--epochs", 41).returncode, 0)
        converted, again = self.folder / "converted.safetensors", self.folder / "again"
        self.assertEqual(run_program("convert", CHECKPOINT, converted).returncode, 0)
        configuration = self.folder / "config.toml"
        configuration.write_text((self.run_directory / "config.toml").read_text()
                                 .replace(str(CHECKPOINT), str(converted)))
        result = self.call("--config", configuration, "--out", again)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_same_tensors(self.run_directory / "weights.safetensors",
                                 again / "weights.safetensors")

    def test_settings_come_from_the_file_unless_given(self):
        heads = ("--num_heads", 2, "--decoder_num_heads", 2)
        result = self.go_on(CHECKPOINT, *heads, "--epochs", 41, "--weight_decay", 0.2)
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = (self.run_directory / "config.toml").read_text().splitlines()
        for line in ("norm_pix_loss = true", "embed_dim = [8, 12, 20]", "input_size = [64, 64]",
                     "lr = 0.00015", "warmup_epochs = 40.0", "weight_decay = 0.2", "beta2 = 0.95",
                     "epochs = 41"):
            self.assertIn(line, lines)

    def test_what_a_handover_lacks_is_named(self):
        self.assert_user_error(self.go_on(CHECKPOINT), "--num_heads")
        heads = ("--num_heads", 2, "--decoder_num_heads", 2)
        self.assert_user_error(self.go_on(CHECKPOINT, *heads, "--epochs", 40,
                                          "--warmup_epochs", 1), "40 epochs", "--epochs")
        _, weights = self.saved("weights.pth")
        self.assert_user_error(self.go_on(weights, *heads), "--init_optimizer")
        self.assert_user_error(self.call("--data", self.data, "--out", self.run_directory,
                                         "--init_optimizer"), "--init FILE")
        self.assert_user_error(self.call("--resume", CHECKPOINT), "--init", "--init_optimizer")
        self.assertFalse(self.run_directory.exists())

    def test_position_tables_follow_the_image(self):
        result = self.init(CHECKPOINT, input_size=32)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.started_with()["pos_embed"].shape, (1, 4, 20))

    def test_encoder_alone_and_class_token(self):
        def change(model):
            model = {name: value for name, value in model.items()
                     if not name.startswith("decoder_") and name != "mask_token"}
            model["cls_token"] = torch.zeros(1, 1, 20)
            model["pos_embed"] = torch.zeros(1, 17, 20)
            return {"module." + name: value for name, value in model.items()}

        published, path = self.saved("v2.pth", change)
        result = self.init(path)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("'cls_token': this model has no class token", result.stderr)
        self.assertIn("of the decoder, which the file lacks", result.stderr)
        weights = self.started_with()
        self.assertTrue(torch.equal(weights["pos_embed"], published["pos_embed"]))
        self.assertTrue(torch.equal(weights["patch_embed4.weight"],
                                    published["patch_embed4.weight"]))

    def test_backbone_of_a_detector(self):
        published, path = self.saved("detector.pth", lambda model: {
            **{"backbone.bottom_up." + name: value for name, value in model.items()},
            "roi_heads.box_predictor.cls_score.weight": torch.zeros(81, 4)})
        result = self.init(path)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(torch.equal(self.started_with()["norm.weight"], published["norm.weight"]))

    def test_wrong_shapes_and_files(self):
        _, path = self.saved("m.pth")
        result = self.init(path, sizes=[size.replace("20", "24") for size in SIZES])
        self.assert_user_error(result, "[20", "[24")
        other = self.folder / "other.pth"
        torch.save({"conv.weight": torch.zeros(2)}, other)
        self.assert_user_error(self.init(other), "no tensor of", "other.pth")
        self.assertFalse(self.run_directory.exists())


if __name__ == "__main__":
    unittest.main()
