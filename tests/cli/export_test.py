"""`convmae export`: other programs run what it writes, and find what this program finds."""

import json
import os
import subprocess
import unittest
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file, save_file

from program import (ONE_EPOCH, TINY, ProgramTest, make_detector, metadata_of, run_program,
                     save_sealed, tensors, write_classes)
from segments import train_segmentor, write_set

SIZES = TINY[:TINY.index("--decoder_embed_dim")]
MAE = ("--input_size 32 --method mae --patch_size 8 --embed_dim 16 --depth 2 --mlp_ratio 2 "
       "--num_heads 2 --threads 1").split()
MAE_DECODER = "--decoder_embed_dim 16 --decoder_depth 1 --decoder_num_heads 2 --panel_images 0".split()
SHORT = [*ONE_EPOCH, "--warmup_epochs", "0"]


def randomised(path):
    """The same model with no weight that is trivial, as tables and biases of new models are."""
    draw = np.random.default_rng(5)
    arrays = tensors(path)
    for name, value in arrays.items():
        if name.endswith("running_var"):
            arrays[name] = draw.uniform(0.5, 1.5, value.shape).astype(value.dtype)
        elif value.dtype == np.float32:
            centre = 1 if value.ndim == 1 and name.endswith("weight") else 0
            spread = 0.3 if value.ndim == 1 else np.sqrt(len(value) / value.size)
            arrays[name] = draw.normal(centre, spread, value.shape).astype(value.dtype)
    return save_sealed(path, arrays, metadata_of(path))


def train(command, data, out, *arguments):
    result = run_program(command, "--data", data, "--out", out, *arguments)
    assert result.returncode == 0, result.stderr
    return randomised(out / "weights.safetensors")


class Models(ProgramTest):
    """One of every kind that can be exported, with the sides of its images."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        classes = cls.scratch / "classes"
        write_classes(classes, 6, names=("blue", "赤"))
        labels = write_set(cls.scratch / "pairs")

        def out(name):
            return cls.scratch / name

        cls.encoder = train("pretrain", cls.data, out("encoder"), *TINY, *ONE_EPOCH)
        cls.mae = train("pretrain", cls.data, out("mae"), *MAE, *MAE_DECODER, *ONE_EPOCH)
        cls.classifier = train("finetune", classes, out("classifier"), *SIZES, "--threads", 1, *SHORT)
        cls.mae_classifier = train("finetune", classes, out("mae_classifier"), *MAE, *SHORT)
        cls.relative = train("finetune", classes, out("relative"), *SIZES, "--threads", 1, *SHORT,
                             "--position", "relative", "--pool", "token")
        cls.probe = train("linprobe", classes, out("probe"), "--init", cls.encoder, "--threads", 1,
                          *SHORT)
        result = train_segmentor(cls.scratch / "pairs", labels, out("segmentor"), "--epochs", 1,
                                 "--warmup_epochs", 0)
        assert result.returncode == 0, result.stderr
        cls.segmentor = randomised(out("segmentor") / "weights.safetensors")

    def export(self, path, *arguments):
        out = self.folder / "model.onnx"
        result = run_program("export", path, out, *arguments, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        onnx.checker.check_model(str(out), full_check=True)
        return out, json.loads(result.stdout)

    def expected(self, path, images, features):
        """What the program makes of batches by name."""
        save_file(images, self.folder / "images.safetensors")
        subprocess.run([os.environ["RUN_MODEL"], path, self.folder / "images.safetensors",
                        self.folder / "results.safetensors", *(["features"] if features else [])],
                       check=True)
        return load_file(self.folder / "results.safetensors")

    def assert_close(self, found, expected):
        self.assertEqual(found.shape, expected.shape)
        self.assertLess(np.abs(found - expected).max(), 1e-5 * np.abs(expected).max())

    def compare(self, path, sizes, *arguments, of=lambda images: images):
        """Exports a model and runs it on batches of one and of three; `of` makes what it is fed of
        what the program is."""
        features = "--features" in arguments
        out, told = self.export(path, *arguments)
        session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        self.assertEqual(names, list(told["outputs"]))
        draw = np.random.default_rng(1)
        batches = {f"{count}x{height}x{width}": draw.normal(size=(count, 3, height, width))
                   for count in (1, 3) for height, width in sizes}
        fed = {name: of(batch) for name, batch in batches.items()}
        seen = {name: batch if "--pixels" not in arguments else self.normalised(path, fed[name])
                for name, batch in batches.items()}
        expected = self.expected(path, {name: np.ascontiguousarray(batch, np.float32)
                                        for name, batch in seen.items()}, features)
        (entry,) = session.get_inputs()
        for name, batch in fed.items():
            batch = batch if batch.dtype == np.uint8 else batch.astype(np.float32)
            for output, found in zip(names, session.run(None, {entry.name: batch})):
                with self.subTest(batch=name, output=output):
                    self.assert_close(found, expected[f"{name}.{output}"])
        return session

    @staticmethod
    def normalised(path, pixels):
        told = json.loads(metadata_of(path)["convmae.preprocessing"])
        images = (pixels / 255 - np.array(told["mean"])) / np.array(told["std"])
        return images.transpose(0, 3, 1, 2)

    @staticmethod
    def pixels_of(images):
        return (np.abs(images) * 100).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


class Export(Models):
    def each(self):
        """Path, sides of images, side that others must be multiples of, and the flags."""
        yield self.classifier, 32, 16, ()
        yield self.mae_classifier, 32, 8, ()
        yield self.relative, 32, 16, ()
        yield self.probe, 32, 16, ()
        yield self.encoder, 32, 16, ("--features",)
        yield self.mae, 32, 8, ("--features",)
        yield self.segmentor, 48, 16, ()
        yield self.segmentor, 48, 16, ("--features",)

    def test_images_of_the_models_size(self):
        for opset in (17, 20):
            for path, side, _, flags in self.each():
                with self.subTest(path=path.parent.name, flags=flags, opset=opset):
                    self.compare(path, [(side, side)], *flags, "--opset", opset)

    def test_images_of_any_size(self):
        for path, side, step, flags in self.each():
            with self.subTest(path=path.parent.name, flags=flags):
                sizes = [(side, side), (3 * step, 4 * step), (side + 2 * step, side)]
                self.compare(path, sizes, *flags, "--dynamic_size")

    def test_pixels(self):
        for path, side, flags in ((self.classifier, 32, ()), (self.segmentor, 48, ()),
                                  (self.mae, 32, ("--features", "--dynamic_size"))):
            with self.subTest(path=path.parent.name):
                self.compare(path, [(side, side)], *flags, "--pixels", of=self.pixels_of)

    def test_what_a_model_says_of_itself(self):
        out, told = self.export(self.classifier, "--pixels", "--dynamic_size")
        self.assertEqual(told["task"], "classification")
        self.assertEqual(told["inputs"], {"pixels": ["batch", "height", "width", 3]})
        self.assertEqual(told["outputs"], {"logits": ["batch", 2]})
        self.assertIsNone(told["data"])
        model = onnx.load(out)
        self.assertEqual(model.producer_name, "convmae")
        self.assertEqual([entry.version for entry in model.opset_import], [17])
        entries = {entry.key: entry.value for entry in model.metadata_props}
        self.assertEqual(json.loads(entries["convmae.classes"]), ["blue", "赤"])
        preprocessing = json.loads(entries["convmae.preprocessing"])
        self.assertEqual(preprocessing["size"], [32, 32])
        self.assertEqual(preprocessing["mean"], [0.485, 0.456, 0.406])
        _, told = self.export(self.encoder, "--features")
        self.assertEqual(told["outputs"], {"stage1": ["batch", 8, 8, 8], "stage2": ["batch", 12, 4, 4],
                                           "stage3": ["batch", 16, 2, 2]})
        out, told = self.export(self.segmentor, "--opset", 20)
        self.assertEqual(told["outputs"], {"logits": ["batch", 3, 12, 12]})
        entries = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
        self.assertEqual(json.loads(entries["convmae.classes"]), ["sea", "ice", "sand"])

    def test_weights_keep_their_names(self):
        out, _ = self.export(self.classifier)
        weights = {item.name: onnx.numpy_helper.to_array(item)
                   for item in onnx.load(out).graph.initializer}
        expected = tensors(self.classifier)
        self.assertEqual(weights["blocks1.0.attn.weight"].tobytes(),
                         expected["blocks1.0.attn.weight"].tobytes())
        self.assertEqual(weights["blocks3.0.attn.qkv.weight.transposed"].tobytes(),
                         expected["blocks3.0.attn.qkv.weight"].T.tobytes())

    def test_equal_models_are_equal_files(self):
        first = self.export(self.classifier)[0].read_bytes()
        copy = self.folder / "copy.safetensors"
        copy.write_bytes(self.classifier.read_bytes())
        self.assertEqual(self.export(copy)[0].read_bytes(), first)

    def refused(self, *arguments):
        result = run_program("export", *arguments)
        self.assertFalse((self.folder / "a.onnx").exists())
        return result

    def test_what_cannot_be_exported(self):
        out = self.folder / "a.onnx"
        self.assert_user_error(self.refused(self.classifier, out, "--opset", 18), "--opset", "18")
        self.assert_user_error(self.refused(self.classifier, self.folder / "a.pb"), ".onnx")
        self.assert_user_error(self.refused(self.encoder, out), "--features")
        self.assert_user_error(self.refused(next(self.data.iterdir()), out), "000.png")
        self.assert_user_error(self.refused(self.folder / "none", out), "none")
        self.assert_user_error(self.refused(self.classifier, self.folder / "b" / "a.onnx"), "b")
        detector = self.folder / "detector.safetensors"
        make_detector(detector)
        for flags in ((), ("--features",)):
            self.assert_user_error(self.refused(detector, out, *flags), "detector")
        other = self.folder / "other.safetensors"
        save_file({"conv.weight": np.zeros(3, np.float32)}, other)
        self.assert_user_error(self.refused(other, out), "other.safetensors", "inspect")
        broken = tensors(self.classifier)
        broken["head.bias"] = np.full_like(broken["head.bias"], np.nan)
        save_sealed(other, broken, metadata_of(self.classifier))
        self.assert_user_error(self.refused(other, out), "head.bias")

    def test_a_full_disk_leaves_no_model(self):
        if not Path("/dev/full").exists():
            self.skipTest("no /dev/full")
        import resource

        result = run_program("export", self.classifier, self.folder / "a.onnx",
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
        self.assert_user_error(result, "a.onnx")
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
