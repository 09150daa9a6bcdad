"""Checkpoints that say the same things many times over: what they cost is charged where they are
read, and weights that are tied stay tied."""

import io
import json
import struct
import unittest
import zipfile

import torch

from greedy_test import MOST_BYTES, MOST_CPU_SECONDS, run_measured
from program import ProgramTest

COMMANDS = (("inspect", "<file>"), ("inspect", "--json", "<file>"),
            ("convert", "<file>", "out.safetensors"), ("convert", "<file>", "out.pth"))


class Pickle:
    """A pickle, opcode by opcode."""

    def __init__(self):
        self.bytes = bytearray(b"\x80\x04")
        self.remembered = 0

    def raw(self, data):
        self.bytes += data
        return self

    def text(self, text):
        return self.raw(b"X" + struct.pack("<I", len(text)) + text.encode())

    def number(self, number):
        return self.raw(b"\x8a\x08" + struct.pack("<q", number))

    def name(self, module, name):
        return self.raw(f"c{module}\n{name}\n".encode())

    def remember(self):
        """The value on top, and takes it off."""
        self.raw(b"\x940")
        self.remembered += 1
        return self.remembered - 1

    def recall(self, number):
        return self.raw(b"j" + struct.pack("<I", number))

    def tensor(self, numel=1, shape=(1,), stride=(1,), storage="FloatStorage"):
        self.name("torch._utils", "_rebuild_tensor_v2").raw(b"((").text("storage")
        self.name("torch", storage).text("0").text("cpu").number(numel).raw(b"tQ").number(0)
        for numbers in (shape, stride):
            self.raw(b"(")
            for number in numbers:
                self.number(number)
            self.raw(b"t")
        return self.raw(b"\x89").name("collections", "OrderedDict").raw(b")RtR")

    def weights(self):
        """{"model": {"w": a tensor}, ...: the rest follows."""
        self.raw(b"}(").text("model").raw(b"}").text("w").tensor().raw(b"s")
        return self


def save(path, pickle, storage=4):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("x/data.pkl", bytes(pickle.bytes) + b".")
        file.writestr("x/data/0", bytes(storage))
    path.write_bytes(buffer.getvalue())
    return path


def arrays_that_share_bytes(path):
    size = 1 << 20
    pickle = Pickle()
    data = pickle.raw(b"B" + struct.pack("<I", size) + bytes(size)).remember()
    dtype = pickle.name("numpy", "dtype").raw(b"(").text("f4").raw(b"\x89\x88tR").remember()
    pickle.raw(b"}").text("model").raw(b"}(")
    for i in range(300):
        pickle.text(f"w{i}").name("numpy.core.multiarray", "_reconstruct").raw(b"(")
        pickle.name("numpy", "ndarray").raw(b"K\0\x85C\x01btR(").number(1).raw(b"(")
        pickle.number(size // 4).raw(b"t").recall(dtype).raw(b"\x89").recall(data).raw(b"tb")
    return save(path, pickle.raw(b"us"))


def tensor_of_many_names(path):
    numel = 1 << 20
    pickle = Pickle()
    tensor = pickle.tensor(numel, (numel,)).remember()
    pickle.raw(b"}").text("model").raw(b"}(")
    for i in range(300):
        pickle.text(f"w{i}").recall(tensor)
    return save(path, pickle.raw(b"us"), 4 * numel)


def storage_of_many_tensors(path):
    numel = 1 << 20
    pickle = Pickle()
    pickle.raw(b"}").text("model").raw(b"}(")
    for i in range(300):
        pickle.text(f"w{i}").tensor(numel, (numel,))
    return save(path, pickle.raw(b"us"), 4 * numel)


def small_tensor_of_names_without_end(path):
    pickle = Pickle()
    tensor = pickle.tensor(1, (1,) * 64, (1,) * 64).remember()
    pickle.raw(b"}").text("model").raw(b"}(")
    for i in range(500_000):
        pickle.raw(b"J" + struct.pack("<i", i)).recall(tensor)
    return save(path, pickle.raw(b"us"))


def argument_of_many_places(kind, count):
    """A remembered value, `count` times in a list."""
    value = {"text": lambda p: p.text("A" * 100_000),
             "bytes": lambda p: p.raw(b"B" + struct.pack("<I", 100_000) + bytes(100_000)),
             "integer": lambda p: p.raw(b"\x8a\xff" + b"\x11" * 255)}[kind]

    def make(path):
        pickle = Pickle()
        shared = value(pickle).remember()
        pickle.weights().text("args").name("argparse", "Namespace").raw(b")\x81}").text("x")
        pickle.raw(b"](")
        for _ in range(count):
            pickle.recall(shared)
        return save(path, pickle.raw(b"esbu"))
    make.__qualname__ = f"{kind}_in_{count}_places"
    return make


def keys_at_many_levels(path):
    pickle = Pickle()
    keys = [pickle.text(f"{i:08}" * 128).remember() for i in range(3400)]
    inner = pickle.raw(b"N").remember()
    for _ in range(198):
        pickle.raw(b"}(")
        for key in keys[:-1]:
            pickle.recall(key).raw(b"N")
        inner = pickle.recall(keys[-1]).recall(inner).raw(b"u").remember()
    pickle.weights().text("z").recall(inner)
    return save(path, pickle.raw(b"u"))


def stride_near_the_end_of_numbers(path):
    pickle = Pickle().raw(b"}").text("model").raw(b"}").text("w")
    pickle.tensor(4, (2, 1), (2, 2**63 - 1)).raw(b"ss")
    return save(path, pickle, 16)


def metadata_of(entries):
    """A safetensors file with one weight and that metadata."""
    def make(path):
        header = {"__metadata__": entries(),
                  "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
        text = json.dumps(header, separators=(",", ":")).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
        return path
    make.__qualname__ = f"metadata_of_{entries.__qualname__}"
    return make


def prefixes_without_end(path):
    header = {"module." * 400_000 + "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    return path


def values_without_end():
    return {key: "[" + "{}," * 2_600_000 + "0]" for key in ("convmae.arguments", "convmae.trainer")}


def keys_without_end():
    return {"convmae.arguments": "{" + ",".join(f'"{i}":0' for i in range(1_000_000)) + "}"}


def entries_without_end():
    return {f"{i:x}": "" for i in range(1_500_000)}


# Of each: the exit codes that are right.
TABLE = ((arrays_that_share_bytes, (2,)), (tensor_of_many_names, (2,)),
         (storage_of_many_tensors, (2,)), (small_tensor_of_names_without_end, (2,)),
         (argument_of_many_places("text", 2000), (2,)),
         (argument_of_many_places("bytes", 2000), (2,)),
         (argument_of_many_places("integer", 500_000), (2,)),
         (keys_at_many_levels, (2,)), (stride_near_the_end_of_numbers, (0,)),
         (prefixes_without_end, (0,)), (metadata_of(values_without_end), (0,)),
         (metadata_of(keys_without_end), (0,)),
         (metadata_of(entries_without_end), (2,)))


class GreedyWeights(ProgramTest):
    IMAGES = 0

    def run_on(self, command, file):
        return run_measured([file if word == "<file>" else word for word in command], self.folder)

    def test_what_is_shared_is_charged_at_each_place(self):
        for make, codes in TABLE:
            file = make(self.folder / "x.pth")
            for command in COMMANDS:
                with self.subTest(file=make.__qualname__, command=command):
                    cost = self.run_on(command, file)
                    self.assertIn(cost.code, codes, cost.err)
                    if cost.code == 2:
                        self.assertEqual(len(cost.err.splitlines()), 1, cost.err)
                        self.assertTrue(cost.err.startswith("convmae: error: "), cost.err)
                    self.assertLess(cost.peak, MOST_BYTES)
                    self.assertLess(cost.seconds, MOST_CPU_SECONDS)
                    limit = 5 * file.stat().st_size + (17 << 20)
                    self.assertLess(len(cost.out), limit)
                    for out in self.folder.glob("out.*"):
                        self.assertLess(out.stat().st_size, limit)
                        out.unlink()

    def test_tied_weights_are_converted_and_stay_tied(self):
        weight = torch.arange(8 << 20, dtype=torch.float32)
        file = self.folder / "tied.pth"
        torch.save({"model": {"embed": weight, "head": weight.view(8, -1), "row": weight[3:5]}},
                   file)
        for out in ("out.safetensors", "out.pth"):
            cost = self.run_on(("convert", "<file>", out), file)
            self.assertEqual(cost.code, 0, cost.err)
        back = torch.load(self.folder / "out.pth", weights_only=True)["model"]
        self.assertTrue(torch.equal(back["embed"], weight))
        self.assertEqual(back["embed"].data_ptr(), back["head"].data_ptr())
        self.assertEqual(back["row"].tolist(), [3, 4])
        self.assertLess((self.folder / "out.pth").stat().st_size, 1.01 * file.stat().st_size)


if __name__ == "__main__":
    unittest.main()
