"""Reads with Python's packages what the program writes. Usage: interop_test.py IO_SAMPLES"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from safetensors import safe_open
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SAMPLES = sys.argv.pop(1)


class Interop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.directory = cls.holder.name
        subprocess.run([SAMPLES, cls.directory], check=True)

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
                    if call and ("sample.safetensors" in line or call[1] != "write"):
                        kind = "directory" if f"<{directory}>" in line else ""
                        calls.append(call[1] + kind)
            self.assertEqual(calls, ["write", "fsync", "rename", "fsyncdirectory"])


if __name__ == "__main__":
    unittest.main()
