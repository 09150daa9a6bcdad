"""The commands of docs/classification.md, on a model that takes milliseconds a step."""

import shlex
import shutil
import unittest
from pathlib import Path

from program import ProgramTest, run_program, write_classes

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "classification.md"

SMALLER = {
    "pretrain": "--input_size 32 --embed_dim 8 12 16 --depth 1 1 1 --num_heads 2 "
                "--decoder_embed_dim 16 --decoder_depth 1 --decoder_num_heads 2 --threads 1 "
                "--panel_images 0 --epochs 1 --batch_size 4",
    "finetune": "--threads 1 --epochs 1 --warmup_epochs 0 --batch_size 4 --accum_iter 1 --overwrite",
    "linprobe": "--threads 1 --epochs 1 --warmup_epochs 0 --batch_size 4",
    "eval": "--threads 1",
    "predict": "--threads 1",
}


def commands():
    lines = GUIDE.read_text().splitlines()
    return [shlex.split(line) for line in lines if line.startswith("    convmae ")]


class Classification(ProgramTest):
    def test_every_command_of_the_guide_runs(self):
        write_classes(self.folder / "images" / "train", 8)
        write_classes(self.folder / "images" / "val", 2)
        shutil.copy(self.folder / "images" / "val" / "red" / "000.png",
                    self.folder / "picture.jpg")
        self.pretrain("--batch_size", 10, "--epochs", 1, out=self.folder / "published")
        shutil.copy(self.folder / "published" / "weights.safetensors", self.folder / "weights")
        self.assertGreater(len(commands()), 5)
        for _, command, *arguments in commands():
            with self.subTest(command=command, arguments=arguments):
                smaller = [] if "--resume" in arguments else SMALLER[command].split()
                result = run_program(command, *self.without(arguments, smaller), *smaller,
                                     cwd=self.folder)
                self.assertEqual(result.returncode, 0, result.stderr)

    @staticmethod
    def without(arguments, replaced):
        """The arguments but for those flags, and their values, that are replaced."""
        kept, skip = [], False
        for argument in arguments:
            if argument.startswith("--"):
                skip = argument in replaced or argument == "--model"
            if not skip:
                kept.append(argument)
        return kept


if __name__ == "__main__":
    unittest.main()
