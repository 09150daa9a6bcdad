"""Files that are valid, or nearly, and ask for far more than they hold: refused in one line, or
read, at a cost that fits the file and not its claims.

A row of the table is a file and the commands that get it. A generator writes the file and returns
its path; in a command, FILE stands for that path and a `str` that names another attribute of the
test (DATA, LABELLED, OUT) for that one.
"""

import hashlib
import json
import os
import signal
import subprocess
import time
import unittest
from typing import Callable, NamedTuple

from safetensors import safe_open
from safetensors.numpy import save_file

from finetune_test import write_classes
from program import PROGRAM, TINY, ProgramTest, run_program, tensors

# libtorch alone takes some 250 MiB. A sanitized program keeps what is freed, and shadows the rest.
SANITIZED = os.environ.get("CONVMAE_SANITIZED", "0") == "1"
MOST_BYTES = (600 << 20) * (4 if SANITIZED else 1)
MOST_CPU_SECONDS = 10 * (6 if SANITIZED else 1)
MOST_SECONDS = 120  # on a machine that does much else

FILE, DATA, LABELLED, OUT = "<file>", "<data>", "<labelled>", "<out>"


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


# How a file of weights of a pretraining model is used.
WEIGHTS = (
    ("inspect", FILE),
    ("features", "--checkpoint", FILE, "--data", DATA, "--out", "out.npy"),
    ("reconstruct", "--checkpoint", FILE, "--out", "out.png", DATA + "/000.png"),
    ("finetune", "--init", FILE, "--data", LABELLED, "--out", OUT, "--epochs", "1",
     "--warmup_epochs", "0", "--batch_size", "4", "--threads", "1"),
)


def described(**changes):
    """The tiny model's weights with another description."""
    def make(test):
        metadata = metadata_of(test.weights)
        metadata["convmae.model"] = json.dumps({**json.loads(metadata["convmae.model"]), **changes})
        return save_sealed(test.folder / "weights.safetensors", tensors(test.weights), metadata)
    return make


TABLE = (
    Row("400,000 layers are looked at", described(depth=[1, 1, 400000]), WEIGHTS[:1], (0,)),
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

    def arguments(self, command, file):
        places = {FILE: file, DATA: self.data, LABELLED: self.labelled, OUT: self.folder / "out"}
        for word in command:
            for name, place in places.items():
                word = word.replace(name, str(place))
            yield word

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
            file = row.make(self)
            for command in row.commands:
                with self.subTest(file=row.name, command=command[0]):
                    self.assert_modest(run_measured(self.arguments(command, file), self.folder),
                                       row.codes)

    def test_the_same_commands_take_the_honest_file(self):
        for command in WEIGHTS:
            with self.subTest(command=command[0]):
                cost = run_measured(self.arguments(command, self.weights), self.folder)
                self.assertEqual(cost.code, 0, cost.err)


if __name__ == "__main__":
    unittest.main()
