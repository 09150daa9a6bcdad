"""What convmae_golden says of programs that are wrong, and of files that show nothing."""

import array
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = os.environ["CONVMAE_GOLDEN_PROGRAM"]
GOLDEN = Path(__file__).parent
PRETRAIN = "convmae_pretrain_var_s231_24x36.safetensors"


def rewritten(source, target, change):
    """A copy of a safetensors file in which `change` has edited header entries and data."""
    content = bytearray(source.read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    data = content[8 + length :]
    change(header, data)
    text = json.dumps(header).encode()
    target.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Program(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def replay(self, *arguments):
        result = subprocess.run([PROGRAM, *arguments, self.folder], capture_output=True, text=True)
        return result.returncode, result.stdout

    def test_weights_that_are_nan_are_a_miss(self):
        def poison(header, data):
            for name, entry in header.items():
                if name.startswith("param."):
                    begin, end = entry["data_offsets"]
                    nan = array.array("f", [float("nan")] * ((end - begin) // 4))
                    data[begin:end] = nan.tobytes()

        rewritten(GOLDEN / PRETRAIN, self.folder / PRETRAIN, poison)
        code, output = self.replay()
        self.assertEqual(code, 1)
        self.assertTrue(output.startswith("MISS"), output)
        self.assertIn("0 agree, 1 miss", output)

    def test_a_file_without_results_is_no_agreement(self):
        def strip(header, data):
            # Safetensors has no gaps: results become inputs of other names.
            for number, name in enumerate(list(header)):
                if name != "__metadata__" and not name.startswith(("in.", "param.", "act.")):
                    header[f"act.{number}"] = header.pop(name)

        rewritten(GOLDEN / PRETRAIN, self.folder / PRETRAIN, strip)
        code, output = self.replay()
        self.assertEqual(code, 1)
        self.assertIn("0 agree, 0 miss, 1 without results", output)
        # What it computes can be written and compared elsewhere.
        out = self.folder / "out"
        code, output = self.replay("--dump", out)
        self.assertEqual(code, 0, output)
        self.assertTrue((out / PRETRAIN).is_file())

    def test_skipping_everything_is_no_success(self):
        shutil.copy(GOLDEN / "keys_models.json", self.folder / "unknown_models.json")
        code, output = self.replay()
        self.assertEqual(code, 1)
        self.assertIn("0 agree, 0 miss, 0 without results, 1 skipped", output)

    def test_a_json_dump_is_computed(self):
        golden = json.loads((GOLDEN / "lr_schedule.json").read_text())
        for schedule in golden["schedules"]:
            for point in schedule["points"]:
                point["lr"] = -1
        (self.folder / "lr_schedule.json").write_text(json.dumps(golden))
        code, output = self.replay("--dump", self.folder / "out")
        self.assertEqual(code, 1)
        self.assertIn("MISS", output)
        ours = json.loads((self.folder / "out" / "lr_schedule.json").read_text())
        rates = [point["lr"] for schedule in ours["schedules"] for point in schedule["points"]]
        self.assertGreaterEqual(min(rates), 0)

    def test_arguments(self):
        shutil.copy(GOLDEN / PRETRAIN, self.folder)
        code, output = self.replay("--device", "cpu")
        self.assertEqual(code, 0, output)
        for arguments, message in ((["--device", "tpu"], "must be auto, cpu, cuda"), (["--gpu", "0"], "usage:")):
            result = subprocess.run([PROGRAM, *arguments, self.folder], capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn(message, result.stderr)
        result = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("--device", result.stdout)

    def test_coco_files_are_evaluated_also_where_the_figures_are_missing(self):
        folder = self.folder / "coco_eval"
        folder.mkdir()
        for part in ("gt", "dt"):
            shutil.copy(GOLDEN / "coco_eval" / f"basic.{part}.json", folder)
        golden = json.loads((GOLDEN / "coco_eval" / "basic.expected.json").read_text())
        code, output = self.replay("--dump", self.folder / "out")
        self.assertEqual(code, 0, output)
        ours = json.loads((self.folder / "out" / "coco_eval" / "basic.expected.json").read_text())
        for kind in ("bbox", "segm"):
            self.assertEqual(ours[kind]["precision_sha256"], golden[kind]["precision_sha256"])
        golden["bbox"]["stats"][0] += 1e-6
        (folder / "basic.expected.json").write_text(json.dumps(golden))
        code, output = self.replay()
        self.assertEqual(code, 1)
        self.assertIn("in bbox.stats.0", output)


if __name__ == "__main__":
    unittest.main()
