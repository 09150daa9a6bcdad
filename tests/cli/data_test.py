"""Where images come from, and `convmae bench data`: what their way into a batch costs."""

import json
import tarfile
import unittest

from program import TINY, ProgramTest, epochs, run_program

STAGES = ("read", "decode", "resize", "augment", "normalise")


class BenchData(ProgramTest):
    def report(self, *arguments):
        result = run_program("bench", "data", "--images", 12, *arguments, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_stages_add_up(self):
        for arguments in ([], ["--data", self.data, "--input_size", 32], ["--augment", "full"], ["--fast_decode"]):
            report = self.report(*arguments)
            seconds = report["cpu_seconds_per_image"]
            self.assertAlmostEqual(seconds["to_float"], sum(seconds[stage] for stage in STAGES))
            self.assertAlmostEqual(seconds["to_uint8"], seconds["to_float"] - seconds["normalise"])
            self.assertAlmostEqual(report["images_per_second"] * seconds["to_float"], 1)
            self.assertEqual(report["fast_decode"], "--fast_decode" in arguments)
            self.assertGreater(report["bytes_per_image"], 0)

    def test_generated_images_can_be_saved_and_measured(self):
        self.report("--save", self.folder / "saved")
        report = self.report("--data", self.folder / "saved")
        self.assertIn("16 images", report["source"])

    def test_errors(self):
        for arguments, words in ((["--images", 0], "--images must be 1 or more"),
                                 (["--augment", "some"], "--augment must be none or full"),
                                 (["--crop_scale", 1], "--crop_scale takes two shares"),
                                 (["--data", self.data, "--save", self.folder], "leave out --data")):
            self.assert_user_error(run_program("bench", "data", *arguments), words)


class Shards(ProgramTest):
    def test_pretraining_reads_them(self):
        files = sorted(self.data.iterdir())
        for shard in range(2):
            with tarfile.open(self.folder / f"train-{shard:03}.tar", "w") as archive:
                for path in files[shard::2]:
                    archive.add(path, path.name)
        pattern = self.folder / "train-{000..001}.tar"
        result = run_program("pretrain", *TINY, "--data", pattern, "--out", self.run_directory, "--batch_size", 5,
                             "--epochs", 2, "--fast_decode")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(epochs(self.run_directory)), 2)
        self.assertIn("2 shards", (self.run_directory / "log.txt").read_text())
        self.assertIn("fast_decode = true", (self.run_directory / "config.toml").read_text())


if __name__ == "__main__":
    unittest.main()
