"""What the tests of the program share: tiny images, tiny models, and ways to run and compare."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

PROGRAM = os.environ["CONVMAE"]
# CMake's CONVMAE_DRAWING may leave drawing out: then what needs pictures is skipped.
DRAWS = "CONVMAE_DRAWS_NOTHING" not in os.environ

# A model that takes milliseconds a step and still has every part.
TINY = (
    "--input_size 32 --embed_dim 8 12 16 --depth 1 1 1 --num_heads 2 --decoder_embed_dim 16 "
    "--decoder_depth 1 --decoder_num_heads 2 --threads 1 --panel_images 0"
).split()
ONE_EPOCH = ["--batch_size", "10", "--epochs", "1"]
TINY_CLASSIFIER = (
    "--input_size 32 --embed_dim 8 12 16 --depth 1 1 2 --num_heads 2 --threads 1 --batch_size 4 "
    "--num_workers 1"
).split()


def write_images(folder, count, size=40):
    """Smooth colour fields with a disc, each different."""
    folder.mkdir(parents=True)
    rows, columns = np.mgrid[0:size, 0:size] / size
    for number in range(count):
        draw = np.random.default_rng(number)
        a, b, c = draw.uniform(0, 1, (3, 3))
        pixels = a + (b - a) * rows[..., None] + (c - a) * columns[..., None]
        centre = draw.uniform(0.2, 0.8, 2)
        disc = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < 0.04
        pixels[disc] = draw.uniform(0, 1, 3)
        image = Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8))
        image.save(folder / f"{number:03}.png")


def write_classes(folder, count, names=("blue", "red"), first=0):
    """A folder a class; a colour tells its images from the next class's."""
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            draw = np.random.default_rng(100 * number + i)
            pixels = draw.uniform(0, 80, (40, 40, 3))
            pixels[..., 2 - 2 * (number % 2)] += 150
            image = Image.fromarray(pixels.astype(np.uint8))
            image.save(folder / name / f"{first + i:03}.png")


def run_program(*arguments, **keywords):
    return unless_left_out(subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True,
                                          text=True, **keywords))


def make_detector(path, kind="masks", names=("cat", "dog", "猫", "owl")):
    """An untrained detector, with or without masks, that finds something everywhere."""
    subprocess.run([os.environ["MAKE_DETECTOR"], path, kind, *names], check=True)


def unless_left_out(result):
    """The result, unless the command is one that draws and the build does not."""
    if not DRAWS and result.returncode == 2 and "draws no pictures" in result.stderr:
        raise unittest.SkipTest("this build draws no pictures")
    return result


def cpu_has_bf16():
    """Whether the program offers --precision bf16 here, by what it says of the CPU."""
    kernels = run_program("--version").stdout
    return "kernels avx512" in kernels and ("avx512_bf16" in kernels or "amx_bf16" in kernels)


def tensors(path):
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def metadata_of(path):
    with safe_open(path, "np") as file:
        return dict(file.metadata())


def save_sealed(path, arrays, metadata):
    """With the digest that the program expects of its own files."""
    lines = [f"{key}={value}" for key, value in metadata.items() if key != "convmae.digest"]
    lines += [f"{name}:{hashlib.sha256(array.tobytes()).hexdigest()}"
              for name, array in arrays.items()]
    text = "".join(line + "\n" for line in sorted(lines))
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    save_file(arrays, path, {**metadata, "convmae.digest": digest})
    return path


def steps(run):
    return [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]


def epochs(run):
    """The epoch lines of the log, without the header and without what the clock decides."""
    clock = {"seconds", "cpu_seconds", "images_per_second", "data_share"}
    lines = [json.loads(line) for line in (run / "log.txt").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in clock} for line in lines[1:]]


def checkpoints(run):
    return sorted((run / "checkpoints").glob("step-*.safetensors"))


def temporaries(run):
    return [path for path in run.rglob("*") if path.name.endswith(".convmae-tmp")]


class ProgramTest(unittest.TestCase):
    IMAGES = 20

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        cls.data = cls.scratch / "images"
        write_images(cls.data, cls.IMAGES)

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(dir=self.scratch)
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.run_directory = self.folder / "run"

    def start(self, *arguments, **keywords):
        command = [PROGRAM, "pretrain", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **keywords
        )
        return self.process

    def wait_until(self, condition):
        """Waits for what the process started last is to do, as long as it lives."""
        while not condition():
            if self.process.poll() is not None:
                out, err = self.process.communicate()
                self.fail(f"ended with {self.process.returncode} too early: {out}{err}")
            time.sleep(0.002)

    def wait_for_steps(self, run, count):
        path = run / "steps.jsonl"
        self.wait_until(lambda: path.exists() and path.read_text().count("\n") >= count)

    def call(self, *arguments, **keywords):
        process = self.start(*arguments, **keywords)
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def pretrain(self, *arguments, out=None, expect=0):
        """A new run with the tiny model."""
        result = self.call(
            "--data", self.data, "--out", out or self.run_directory, *TINY, *arguments
        )
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def assert_user_error(self, result, *fragments):
        """One line on standard error that names the problem, and exit code 2."""
        self.assertEqual(result.returncode, 2, result.stderr)
        errors = [line for line in result.stderr.splitlines()
                  if line.startswith("convmae: error: ")]
        self.assertEqual(len(errors), 1, result.stderr)
        self.assertEqual(result.stderr.splitlines()[-1], errors[0])
        for fragment in fragments:
            self.assertIn(fragment, errors[0])

    def assert_same_tensors(self, one, other):
        left, right = tensors(one), tensors(other)
        self.assertEqual(left.keys(), right.keys())
        for name, value in left.items():
            self.assertEqual(value.tobytes(), right[name].tobytes(), name)


class TrainedTest(ProgramTest):
    """With a pretrained encoder, images in two classes, and a classifier of them, each trained for an epoch."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.encoder = cls.scratch / "encoder"
        cls.classes = cls.scratch / "classes"
        for name in ("a", "b"):
            shutil.copytree(cls.data, cls.classes / name)
        cls.classifier = cls.scratch / "classifier"
        sizes = TINY[:TINY.index("--decoder_embed_dim")]
        for command in (["pretrain", "--data", cls.data, "--out", cls.encoder, *TINY, *ONE_EPOCH],
                        ["finetune", "--data", cls.classes, "--out", cls.classifier, *sizes,
                         "--threads", 1, *ONE_EPOCH, "--warmup_epochs", 0]):
            result = run_program(*command)
            assert result.returncode == 0, result.stderr
