"""Files that are valid, or nearly, and ask for far more than they hold: refused in one line, or
read, at a cost that fits the file and not its claims.

A row of the table is a file and the commands that get it: a function that writes the file into the
test's folder and returns its path, commands in which FILE stands for that path, and the exit codes
that are right.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
import unittest
from pathlib import Path
from typing import Callable, NamedTuple

import torch
from safetensors.numpy import save_file

from program import (PROGRAM, TINY, ProgramTest, checkpoints, metadata_of, run_program, save_sealed, tensors,
                     write_classes)

# libtorch alone takes some 250 MiB. A sanitized program keeps what is freed, and shadows the rest.
SANITIZED = os.environ.get("CONVMAE_SANITIZED", "0") == "1"
MOST_BYTES = (600 << 20) * (4 if SANITIZED else 1)
MOST_CPU_SECONDS = 10 * (6 if SANITIZED else 1)
MOST_SECONDS = 120  # on a machine that does much else

# What a command names: the row's file, and things of the test.
FILE, DATA, LABELLED, OUT = "<file>", "<data>", "<labelled>", "<out>"
WEIGHTS_OF_A_RUN = "<weights>"

GOLDEN = Path(os.environ.get("CONVMAE_GOLDEN", Path(__file__).parents[1] / "golden"))


class Row(NamedTuple):
    name: str
    make: Callable  # (test) -> path
    commands: tuple
    codes: tuple = (2,)


class Cost(NamedTuple):
    code: int
    out: str
    err: str
    peak: int
    seconds: float


def run_measured(arguments, cwd):
    """Runs the program, and ends it where it takes more than any file may cost."""
    with open(cwd / "stdout", "w+b") as out, open(cwd / "stderr", "w+b") as err:
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=err, cwd=cwd)
        began = time.monotonic()
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid != 0:
                break
            if resident(process.pid) > 2 * MOST_BYTES or time.monotonic() - began > MOST_SECONDS:
                process.send_signal(signal.SIGKILL)
            time.sleep(0.01)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="backslashreplace"))
    return Cost(process.returncode, *texts, usage.ru_maxrss << 10,
                usage.ru_utime + usage.ru_stime)


def resident(pid):
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):  # it has just ended
        return 0


ONE_EPOCH = ("--epochs", "1", "--warmup_epochs", "0", "--batch_size", "4", "--threads", "1")

# How a file of weights of a pretraining model is used.
INSPECT = ("inspect", FILE)
WEIGHTS = (
    ("features", "--checkpoint", FILE, "--data", DATA, "--out", "out.npy"),
    ("reconstruct", "--checkpoint", FILE, "--out", "out.png", DATA + "/000.png"),
    ("finetune", "--init", FILE, "--data", LABELLED, "--out", OUT, *ONE_EPOCH),
)
LINPROBE = ("linprobe", "--init", FILE, "--data", LABELLED, "--out", OUT, *ONE_EPOCH)
CLASSIFIER = (
    ("eval", "--checkpoint", FILE, "--data", LABELLED),
    ("predict", "--checkpoint", FILE, DATA + "/000.png"),
    ("features", "--checkpoint", FILE, "--data", DATA, "--out", "out.npy"),
)
HANDOVER = (("pretrain", "--init", FILE, "--init_optimizer", "--data", DATA, "--out", OUT,
             "--epochs", "3", "--warmup_epochs", "0", "--batch_size", "4", "--threads", "1"),)
RESUME = (("pretrain", "--resume", FILE, "--epochs", "2"),)
IMAGES = (
    ("stats", FILE),
    ("features", "--checkpoint", WEIGHTS_OF_A_RUN, "--data", FILE, "--out", "out.npy"),
    ("knn", "--checkpoint", WEIGHTS_OF_A_RUN, "--data", FILE),
    ("finetune", "--data", FILE, "--out", OUT, "--model", "nano", "--input_size", "32", *ONE_EPOCH),
)


def described(source="weights", preprocessing=None, task=None, **changes):
    """The file of that name with another description of its model."""
    def make(test):
        path = getattr(test, source)
        metadata = metadata_of(path)
        for entry, new in (("model", changes), ("preprocessing", preprocessing), ("task", task)):
            if new:
                old = json.loads(metadata[f"convmae.{entry}"])
                metadata[f"convmae.{entry}"] = json.dumps({**old, **new})
        return save_sealed(test.folder / f"{source}.safetensors", tensors(path), metadata)
    return make


def unsealed(**changes):
    """The same as anybody could write it, who does not know of the digest."""
    def make(test):
        path = described(**changes)(test)
        metadata = metadata_of(path)
        for key in ("convmae.kind", "convmae.digest"):
            del metadata[key]
        save_file(tensors(path), path, metadata)
        return path
    return make


def standing_at(config=None, model=None, **changes):
    """A run whose checkpoint says that it stands elsewhere, or has another model."""
    def make(test):
        run = test.folder / "resumed"
        shutil.copytree(test.scratch / "pretrain", run, symlinks=True)
        path = checkpoints(run)[-1]
        metadata = metadata_of(path)
        for entry, new in (("trainer", changes), ("model", model)):
            if new:
                old = json.loads(metadata[f"convmae.{entry}"])
                metadata[f"convmae.{entry}"] = json.dumps({**old, **new})
        save_sealed(path, tensors(path), metadata)
        if config:
            toml = run / "config.toml"
            toml.write_text(toml.read_text().replace(*config))
        return run
    return make


def stretched(test):
    """Tensors of one number each, which state the sizes of a very wide model."""
    models = json.loads((GOLDEN / "keys_models.json").read_text())
    wide = ("patch_embed1.", "blocks1.", "stage1_output_decode.")
    state = {}
    for name, shape, _ in models["convmae_convvit_base_patch16 (pretrain)"]["state_dict"]:
        if name.startswith(wide) or name == "patch_embed2.proj.weight":
            shape = [400 * side if side in (256, 1024) else side for side in shape]
        state[name] = torch.zeros(1).expand(shape)
    torch.save({"model": state}, test.folder / "stretched.pth")
    return test.folder / "stretched.pth"


def list_of(*labels):
    def make(test):
        path = test.folder / "list.csv"
        images = sorted(test.data.glob("*.png"))
        path.write_text("".join(f"{image},{label}\n" for image, label in zip(images, labels)))
        return path
    return make


def shard_of(*labels):
    def make(test):
        path = test.folder / "shard.tar"
        with tarfile.open(path, "w") as tar:
            for image, label in zip(sorted(test.data.glob("*.png")), labels):
                tar.add(image, image.name)
                member = tarfile.TarInfo(f"{image.stem}.cls")
                member.size = len(label)
                tar.addfile(member, io.BytesIO(label.encode()))
        return path
    return make


DEEP, WIDE, GIANT = [1, 1, 400000], [40000, 40000, 40000], [32768, 32768]
ARGUMENTS = {"preprocessing": {"size": GIANT}, "img_size": GIANT}

TABLE = (
    Row("400,000 layers are looked at", described(depth=DEEP), (INSPECT,), (0,)),
    Row("400,000 layers", described(depth=DEEP), (*WEIGHTS, LINPROBE)),
    Row("5,000 layers", unsealed(depth=[1, 1, 5000]), WEIGHTS),
    Row("no depth at all", unsealed(depth=[]), WEIGHTS),
    Row("half a depth", described(depth=[1, 1, 1.5]), WEIGHTS[:2]),
    Row("a width of 40,000", described(embed_dim=WIDE), WEIGHTS),
    Row("a wide decoder", unsealed(decoder_embed_dim=40000), WEIGHTS[1:2]),
    Row("a giant image", described(**ARGUMENTS), (*WEIGHTS, LINPROBE)),
    Row("a giant image of another grid", unsealed(**ARGUMENTS, patch_size=[64, 32, 16]), WEIGHTS),
    Row("a preprocessing of another size", described(preprocessing={"size": GIANT}), WEIGHTS),
    Row("a million means", described(preprocessing={"mean": [0.5] * 1000000}), WEIGHTS[:2]),
    Row("strides whose product is 0", unsealed(patch_size=[1 << 32, 1 << 32, 1]), WEIGHTS),
    Row("too few strides", unsealed(patch_size=[4]), WEIGHTS),
    Row("no hidden width", described(mlp_ratio=[0, 4, 4]), WEIGHTS[:2]),
    Row("a hidden width of 1e300", unsealed(mlp_ratio=[4, 4, 1e300]), WEIGHTS),
    Row("no heads", described(num_heads=0), WEIGHTS[:3]),
    Row("a classifier of 400,000 layers", described("classifier", depth=DEEP), CLASSIFIER),
    Row("a million classes", described("classifier", task={"classes": [""] * 1000000}),
        CLASSIFIER[:2]),
    Row("classes that are a number", described("classifier", task={"classes": 1 << 40}),
        CLASSIFIER[:2]),
    Row("400,000 layers go on", described("handover", depth=DEEP), HANDOVER),
    Row("a width of 40,000 goes on", described("handover", embed_dim=WIDE), HANDOVER),
    Row("a step beyond the epoch", standing_at(step=1 << 62), RESUME),
    Row("a step before the start", standing_at(step=-1), RESUME),
    Row("an epoch far ahead", standing_at(epoch=1 << 62, global_step=1 << 62), RESUME),
    Row("a million threads", standing_at(threads=1000000), RESUME),
    Row("a run of 9,000 layers",
        standing_at(model={"depth": [1, 1, 9000]},
                    config=("depth = [1, 1, 1]", "depth = [1, 1, 9000]")), RESUME),
    Row("tensors of one number", stretched, (INSPECT, *WEIGHTS)),
    Row("a large label in a list", list_of(16777215, 3, 5, 3), IMAGES, (0,)),
    Row("large labels in a shard", shard_of("16777215", "3", str(1 << 62), "3"), IMAGES, (0,)),
)


class Greedy(ProgramTest):
    IMAGES = 4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.labelled = cls.scratch / "labelled"
        write_classes(cls.labelled, 4)
        for command, data in (("pretrain", cls.data), ("finetune", cls.labelled)):
            model = TINY if command == "pretrain" else TINY[:TINY.index("--decoder_embed_dim")]
            result = run_program(command, "--data", data, "--out", cls.scratch / command, *model,
                                 "--threads", 1, "--batch_size", 4, "--epochs", 1,
                                 "--warmup_epochs", 0)
            if result.returncode != 0:
                raise RuntimeError(result.stderr)
        cls.weights = cls.scratch / "pretrain" / "weights.safetensors"
        cls.classifier = cls.scratch / "finetune" / "weights.safetensors"
        # By way of .pth it loses what makes it a checkpoint of a run, and keeps the optimizer.
        cls.handover = checkpoints(cls.scratch / "pretrain")[-1]
        for name in ("handover.pth", "handover.safetensors"):
            result = run_program("convert", cls.handover, cls.scratch / name)
            if result.returncode != 0:
                raise RuntimeError(result.stderr)
            cls.handover = cls.scratch / name

    def arguments(self, command, file):
        places = {FILE: file, DATA: self.data, LABELLED: self.labelled, OUT: self.out(),
                  WEIGHTS_OF_A_RUN: self.weights}
        for word in command:
            for name, place in places.items():
                word = word.replace(name, str(place))
            yield word

    def out(self):
        """A directory that is not there."""
        path = self.folder / "out"
        shutil.rmtree(path, ignore_errors=True)
        return path

    def assert_modest(self, cost, codes):
        self.assertIn(cost.code, codes, cost.err)
        errors = cost.err.splitlines()
        if cost.code == 2:
            self.assertEqual(len(errors), 1, cost.err)
            self.assertTrue(errors[0].startswith("convmae: error: "), cost.err)
        self.assertLess(cost.peak, MOST_BYTES)
        self.assertLess(cost.seconds, MOST_CPU_SECONDS)

    def test_the_table(self):
        for row in TABLE:
            shutil.rmtree(self.folder)
            self.folder.mkdir()
            file = row.make(self)
            for command in row.commands:
                with self.subTest(file=row.name, command=command[0]):
                    self.assert_modest(run_measured(self.arguments(command, file), self.folder),
                                       row.codes)

    def test_the_same_commands_take_honest_files(self):
        run = self.folder / "run"
        shutil.copytree(self.scratch / "pretrain", run, symlinks=True)
        for commands, file in ((WEIGHTS, self.weights), (CLASSIFIER, self.classifier),
                               (HANDOVER, self.handover), (RESUME, run)):
            for command in commands:
                with self.subTest(command=command[0], file=file.name):
                    self.assert_modest(run_measured(self.arguments(command, file), self.folder),
                                       (0,))


if __name__ == "__main__":
    unittest.main()
