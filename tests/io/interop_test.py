"""Reads with Python's packages what the program writes. Usage: interop_test.py IO_SAMPLES"""

import argparse
import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors import safe_open
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SAMPLES = sys.argv.pop(1)
GOLDEN = os.path.join(
    os.environ.get("CONVMAE_GOLDEN")
    or os.path.join(os.path.dirname(__file__), os.pardir, "golden"),
    "pth",
)


def leaves(value, path=""):
    """Everything that contains nothing, by its path; a Namespace is a dict, numpy is plain."""
    if isinstance(value, argparse.Namespace):
        value = vars(value)
    if isinstance(value, dict):
        for key, member in value.items():
            yield from leaves(member, f"{path}/{key}")
    elif isinstance(value, (list, tuple)):
        for index, member in enumerate(value):
            yield from leaves(member, f"{path}/{index}")
    elif isinstance(value, np.ndarray):
        yield path, torch.from_numpy(value)
    elif isinstance(value, np.generic):
        yield path, value.item()
    else:
        yield path, value


class Interop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.directory = cls.holder.name
        cls.golden = sorted(glob.glob(os.path.join(GOLDEN, "*.pth")))
        subprocess.run([SAMPLES, cls.directory, *cls.golden], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def test_safetensors(self):
        with safe_open(os.path.join(self.directory, "sample.safetensors"), "numpy") as file:
            self.assertEqual(
                file.metadata(), {"config": '{"model": "nano"}', "title": 'é\n"'}
            )
            self.assertEqual(set(file.keys()), {"a.weight", "b", "c", "scalar", "empty"})
            np.testing.assert_array_equal(
                file.get_tensor("a.weight"), np.array([[0, 1, 2], [3, 4, 5.5]], np.float32)
            )
            np.testing.assert_array_equal(file.get_tensor("b"), np.array([-1, 2**40]))
            np.testing.assert_array_equal(
                file.get_tensor("c"), np.array([[True], [False], [True]])
            )
            self.assertEqual(file.get_tensor("scalar").shape, ())
            self.assertEqual(float(file.get_tensor("scalar")), 5.5)
            self.assertEqual(file.get_slice("empty").get_shape(), [0, 7])

    def test_pth(self):
        path = os.path.join(self.directory, "sample.pth")
        for mmap in (False, True):
            loaded = torch.load(path, weights_only=True, mmap=mmap)
            model = loaded["model"]
            self.assertIs(type(model), collections.OrderedDict)
            whole = torch.arange(8.0).reshape(2, 4)
            self.assertTrue(torch.equal(model["whole"], whole))
            self.assertTrue(torch.equal(model["transposed"], whole.t()))
            self.assertEqual(model["transposed"].stride(), (1, 4))
            self.assertTrue(torch.equal(model["tail"], torch.tensor([5.0, 6.0, 7.0])))
            self.assertEqual(model["tail"].storage_offset(), 5)
            self.assertEqual(
                model["whole"].untyped_storage().data_ptr(),
                model["tail"].untyped_storage().data_ptr(),
            )
            raw = whole.reshape(-1)
            self.assertTrue(torch.equal(model["halves"], raw.view(torch.bfloat16)))
            words = raw.view(torch.uint16)[4:8].reshape(2, 2)
            self.assertTrue(torch.equal(model["words"], words))
            self.assertEqual(model["empty"].shape, (0, 3))
            self.assertIs(model["empty"].dtype, torch.int64)
            expected = [1, -2.5, None, True, 2**70, -(2**128), -(2**40), b"\0\0"]
            self.assertEqual(loaded["list"], expected)
            args = {"lr": 0.5, "betas": (0.9, 0.95), "name": "é", "none": ()}
            self.assertEqual(loaded["args"], args)
            self.assertEqual(loaded["accuracy"], 84.98)
            self.assertEqual(loaded[3], {})
            self.assertEqual(loaded["epoch"], 300)
        with zipfile.ZipFile(path) as archive:
            self.assertIsNone(archive.testzip())

    def test_golden_checkpoints_written_once_more(self):
        self.assertTrue(self.golden)
        for path in self.golden:
            with self.subTest(os.path.basename(path)):
                before = dict(leaves(torch.load(path, weights_only=False, map_location="cpu")))
                copy = os.path.join(self.directory, os.path.basename(path))
                after = dict(leaves(torch.load(copy, weights_only=True)))
                self.assertEqual(list(before), list(after))
                storages = {}
                for name, value in before.items():
                    other = after[name]
                    if not isinstance(value, torch.Tensor):
                        self.assertEqual(value, other, name)
                        continue
                    self.assertIs(value.dtype, other.dtype)
                    self.assertEqual(value.shape, other.shape)
                    self.assertEqual(value.stride(), other.stride())
                    self.assertEqual(value.requires_grad, other.requires_grad)
                    self.assertTrue(torch.equal(value, other), name)
                    if value.numel() > 0:
                        shared = value.untyped_storage().data_ptr()
                        mine = other.untyped_storage().data_ptr()
                        self.assertEqual(storages.setdefault(shared, mine), mine)

    def test_tensorboard(self):
        events = EventAccumulator(self.directory)
        events.Reload()
        losses = [(event.step, event.value) for event in events.Scalars("train_loss")]
        expected = [(0, 1.0), (1, 0.5), (2, 1 / 3), (3, 7.0)]
        self.assertEqual([step for step, _ in losses], [step for step, _ in expected])
        for (_, value), (_, wanted) in zip(losses, expected):
            self.assertAlmostEqual(value, wanted, places=6)
        image = events.Images("panel")[0]
        self.assertEqual((image.width, image.height, image.step), (1, 1, 3))
        self.assertTrue(image.encoded_image_string.startswith(b"\x89PNG"))
        text = events.Tensors("command")[0]
        self.assertEqual(text.tensor_proto.string_val[0], b"convmae **pretrain**")

    def test_onnx(self):
        x = np.arange(12, dtype=np.float32).reshape(2, 2, 3) - 6
        weights = np.arange(600, dtype=np.float32).reshape(3, 200) / 8
        for name, files in (("sample", 1), ("sample.beside", 2)):
            path = os.path.join(self.directory, f"{name}.onnx")
            self.assertEqual(len(glob.glob(path + "*")), files)
            onnx.checker.check_model(path, full_check=True)
            model = onnx.load(path, load_external_data=False)
            self.assertEqual({entry.key: entry.value for entry in model.metadata_props},
                             {"classes": '["猫"]'})
            outside = [item.name for item in model.graph.initializer if item.data_location == 1]
            self.assertEqual(outside, ["w"] if files == 2 else [])
            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            (y,) = session.run(None, {"x": x})
            np.testing.assert_array_equal(y, x @ weights + 1)

    def test_a_file_is_written_synchronised_and_renamed_in_this_order(self):
        if shutil.which("strace") is None:
            self.skipTest("strace is not installed")
        with tempfile.TemporaryDirectory() as directory:
            trace = os.path.join(directory, "trace")
            command = ["strace", "-f", "-y", "-o", trace, "-e",
                       "trace=write,fsync,fdatasync,rename,renameat,renameat2", SAMPLES, directory]
            if subprocess.run(command, capture_output=True).returncode != 0:
                self.skipTest("strace may not trace here")
            calls = []
            with open(trace) as lines:
                for line in lines:
                    call = re.search(r"(\w+)\(", line)
                    if call and ("sample." in line or call[1] != "write"):
                        kind = "directory" if f"<{directory}>" in line else ""
                        if calls[-1:] != [call[1] + kind]:
                            calls.append(call[1] + kind)
            once = ["write", "fsync", "rename", "fsyncdirectory"]
            self.assertEqual(calls, 5 * once)  # a model with its weights beside it is two files


if __name__ == "__main__":
    unittest.main()
