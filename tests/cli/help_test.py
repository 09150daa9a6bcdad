"""--help: its width, what it marks, and examples that work as they stand."""

import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from PIL import Image

from program import PROGRAM, TINY, ProgramTest, run_program, unless_left_out
from segments import write_pairs

COMMANDS = ("", "pretrain", "finetune", "linprobe", "eval", "predict", "reconstruct", "info",
            "bench", "bench pretrain", "bench finetune", "bench inference", "bench detect",
            "bench segment", "bench ops", "bench data", "bench weights", "inspect", "convert", "export",
            "features", "knn", "stats", "compare", "study", "detect", "detect train", "detect predict",
            "detect eval", "detect check", "segment", "segment train", "segment eval", "segment predict",
            "segment check", "launch", "help")
DETECTIONS = Path(__file__).parents[1] / "golden" / "coco_eval"
SIZES = TINY[:TINY.index("--decoder_embed_dim")]
# What makes the examples that train short, behind what they say.
SHORTER = {
    "pretrain": [*TINY, "--batch_size", "4", "--epochs", "1"],
    "finetune": [*SIZES, "--threads", "1", "--batch_size", "4", "--epochs", "1",
                 "--warmup_epochs", "0"],
    "linprobe": ["--threads", "1", "--batch_size", "4", "--epochs", "1", "--warmup_epochs", "0"],
    "detect train": ("--input_size 64 --windowed_blocks none --out_channels 8 --rpn_conv_dims 8 --box_conv_dims none "
                     "--box_fc_dims 8 --mask_conv_dims 8 --pre_nms_topk 20 20 --post_nms_topk 10 10 --roi_batch 8 "
                     "--threads 1 --batch_size 2 --epochs 1").split(),
    "segment train": ["--input_size", "48", "--head_channels", "8", "--bounds", "80", "60",
                      "--threads", "1", "--batch_size", "2", "--epochs", "1", "--warmup_epochs", "0"],
    "bench": [*TINY[:TINY.index("--panel_images")], "--steps", "1", "--no_products"],
}


def help_of(command, columns=80):
    return subprocess.run([PROGRAM, *command.split(), "--help"], capture_output=True, text=True,
                          env={**os.environ, "COLUMNS": str(columns)})


def example_of(command):
    (line,) = re.findall(r"^Example:\n  (convmae .*)$", help_of(command, 200).stdout,
                         re.MULTILINE)
    return line


class Help(ProgramTest):
    def test_no_line_is_wider_than_the_terminal(self):
        for command in COMMANDS:
            for columns in (60, 80, 120):
                with self.subTest(command=command, columns=columns):
                    result = help_of(command, columns)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    widest = max(result.stdout.splitlines(), key=len)
                    self.assertLessEqual(len(widest), columns, widest)
        self.assertLess(len(help_of("pretrain", 120).stdout.splitlines()),
                        len(help_of("pretrain", 60).stdout.splitlines()))

    def test_the_terminal_tells_its_width(self):
        import fcntl
        import pty
        import struct
        import termios

        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
        process = subprocess.Popen([PROGRAM, "help"], stdout=theirs, env=environment)
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 4096):
                text += piece
        except OSError:
            pass  # Linux says so at the end
        os.close(ours)
        self.assertEqual(process.wait(), 0)
        self.assertEqual(text.decode().replace("\r\n", "\n"), help_of("", 100).stdout)

    def test_what_a_command_cannot_do_without_is_marked(self):
        required = {
            "pretrain": ["--data", "--out"], "finetune": ["--data", "--out"],
            "linprobe": ["--data", "--out"], "eval": ["--checkpoint", "--data"],
            "knn": ["--checkpoint", "--data"], "features": ["--checkpoint", "--data", "--out"],
            "stats": ["--data"], "predict": ["images", "--checkpoint"],
            "reconstruct": ["images", "--checkpoint", "--out"], "inspect": ["file"],
            "convert": ["in", "out"], "export": ["file", "out"], "compare": ["runs"], "study": ["studies"], "bench weights": ["file"],
            "detect train": ["--annotations", "--images", "--out"],
            "detect predict": ["--checkpoint", "--out"], "detect eval": ["--annotations"], "detect check": ["file"],
            "segment train": ["--data", "--out"], "segment eval": ["--checkpoint", "--data"],
            "segment predict": ["--checkpoint", "--out"],
            "segment check": ["data"], "launch": ["--nproc"],
        }
        for command in COMMANDS:
            with self.subTest(command=command):
                marked = re.findall(r"^  ([\w-]+).* REQUIRED", help_of(command).stdout,
                                    re.MULTILINE)
                self.assertEqual(sorted(marked), sorted(required.get(command, [])))
                if command in required and "bench" not in command:
                    without = run_program(*command.split())
                    self.assert_user_error(without)

    def test_help_is_a_command(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                result = run_program("help", *command.split())
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(result.stdout, run_program(*command.split(), "--help").stdout)
        self.assertIn("  help ", run_program("--help").stdout)
        for unknown in (["pretrian"], ["bench", "speed"], ["pretrain", "data"]):
            self.assert_user_error(run_program("help", *unknown), f"unknown command {unknown[-1]}")

    def test_examples_work_as_they_stand(self):
        for number, name in enumerate(("cat", "dog")):
            (self.folder / "photos" / name).mkdir(parents=True)
            for i in range(10):
                shutil.copy(self.data / f"{10 * number + i:03}.png",
                            self.folder / "photos" / name / f"{i}.jpg")
        for name, kind in (("annotations", "gt"), ("results", "dt")):
            shutil.copy(DETECTIONS / f"basic.{kind}.json", self.folder / f"{name}.json")
        (self.folder / "images").mkdir()
        for image in json.loads((self.folder / "annotations.json").read_text())["images"]:
            Image.new("RGB", (image["width"], image["height"])).save(self.folder / "images" / image["file_name"])
        for part in ("training", "validation"):
            write_pairs(self.folder / "scenes", part, 4)
        (self.folder / "classes.txt").write_text("none\nsea\nice\nsand\n")
        study = self.folder / "configs" / "studies" / "masked_conv_fashion.toml"
        study.parent.mkdir(parents=True)
        study.write_text('[evaluations.knn]\ncommand = "knn"\ndata = "photos"\nk = 3\n[arms.run]\nweights = "run"\n')
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "convmae").symlink_to(PROGRAM)
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}

        def shell(line, *more):
            result = unless_left_out(subprocess.run(
                ["bash", "-c", line + ' "$@"', "bash", *more], text=True, capture_output=True,
                cwd=self.folder, env=environment))
            self.assertEqual(result.returncode, 0, f"{line}: {result.stderr}")

        # In an order in which one makes what the next one takes.
        order = ("pretrain", "finetune", "linprobe", "segment train")
        for command in order:
            shell(example_of(command), *SHORTER[command])
        shell("cp run/weights.safetensors . && convmae convert weights.safetensors published.pth")
        for command in COMMANDS[1:]:
            if command in (*order, "bench ops", "launch"):  # take long, or are tested by themselves
                continue
            with self.subTest(command=command):
                part = command in ("bench", "bench pretrain", "bench finetune", "bench inference")
                more = SHORTER["bench"] if part else SHORTER.get(command, [])
                if command in ("bench finetune", "bench inference"):
                    more = [*SIZES, "--steps", "1", "--no_products"]
                shell(example_of(command), *more)


if __name__ == "__main__":
    unittest.main()
