"""Flags that are given twice, and numbers that are none."""

import unittest

from program import TINY, ProgramTest, run_program, tensors

ONE_EPOCH = ["--batch_size", "10", "--epochs", "1"]
NOT_FINITE = ["inf", "-inf", "Infinity", "+INF", "nan", "1e400", " inf", "0x1p99999"]


class Twice(ProgramTest):
    def test_the_last_one_counts_in_training(self):
        for flags, line in {
            ("--lr", "0.5", "--lr=0.25"): "lr = 0.25",
            ("--input_size", "64", "--input_size", "32"): "input_size = [32, 32]",
            ("--input_size", "64,64", "--img_size", "32"): "input_size = [32, 32]",
            ("--embed_dim", "8", "8", "8", "--embed_dim=8,12,16"): "embed_dim = [8, 12, 16]",
            ("--mean", "1,1,1", "--mean", "0.1,0.2,0.3"): "mean = [0.1, 0.2, 0.3]",
            ("--no_fusion", "--fusion"): "fusion = true",
            ("--fusion", "--no_fusion"): "fusion = false",
            ("--method", "mae", "--method", "convmae"): "method = 'convmae'",
            ("--data_path", "nowhere", "--data", str(self.data)): f"data = '{self.data}'",
        }.items():
            with self.subTest(flags=flags):
                self.pretrain(*ONE_EPOCH, *flags, "--overwrite")
                text = (self.run_directory / "config.toml").read_text()
                self.assertIn(line + "\n", text)

    def test_the_last_one_counts_in_every_command(self):
        self.pretrain(*ONE_EPOCH)
        out = self.folder / "f.safetensors"
        common = ["features", "--checkpoint", "nowhere", "--checkpoint", self.run_directory,
                  "--data", "nowhere", "--data", self.data, "--pooled", "--pooled",
                  "--out", self.folder / "other.npy", "--out", out, "--threads", 8, "--threads", 1]
        for stages, names in ((("--stages", "1", "--stages", "3"), ["stage3"]),
                              (("--stages=1,2", "--stages", "3", "2"), ["stage2", "stage3"]),
                              ((), ["stage3"])):
            with self.subTest(stages=stages):
                result = run_program(*common, *stages)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(sorted(tensors(out)), names)
        result = run_program("stats", self.data, "--input_size", 9, 9, "--input_size", 32,
                             "--num_workers", 0, "--num_workers", 1, "--json")
        once = run_program("stats", self.data, "--input_size", 32, "--json")
        self.assertEqual(result.stdout, once.stdout, result.stderr)
        result = run_program("bench", "ops", "--threads", 100000, "--threads", 1, "--precision",
                             "fp8", "--precision", "fp8")
        self.assert_user_error(result, "fp8")


class NotFinite(ProgramTest):
    def test_numbers_are_refused_wherever_they_stand(self):
        pretrain = ["pretrain", "--data", self.data, "--out", self.run_directory, *TINY, *ONE_EPOCH]
        knn = ["knn", "--checkpoint", "c", "--data", self.data]
        commands = [[*pretrain, f"--mean=0.5,{value},0.5"] for value in NOT_FINITE]
        commands += [[*pretrain, f"--{flag}={value}"] for value in ("inf", " inf", "0x1p99999")
                     for flag in ("lr", "mlp_ratio", "epochs", "seed")]
        commands += [[*knn, "--temperature= nan"]]
        for command in commands:
            with self.subTest(flag=command[-1]):
                name = command[-1].split("=")[0].strip("-")
                self.assert_user_error(run_program(*command), name, "must be a")
        self.assertFalse(self.run_directory.exists())

    def test_those_of_a_configuration_as_well(self):
        config = self.folder / "c.toml"
        for line in ("lr = -inf", "lr = nan", "mean = [0.5, inf, 0.5]", "mean = [0.5, nan, 0.5]",
                     "lr = ' inf'", "lr = '0x1p99999'", "mlp_ratio = [4, 4, '1e400']", "epochs = inf"):
            with self.subTest(line=line):
                config.write_text(line + "\n")
                result = run_program("pretrain", "--config", config, "--data", self.data, "--out",
                                     self.run_directory, *TINY)
                self.assert_user_error(result, line.split()[0], "c.toml", "must be a")

    def test_words_are_no_numbers(self):
        for flag in ("--epochs=true", "--epochs=", "--lr=", "--lr=0x10", "--batch_size=1_0",
                     "--lr=1d5"):
            with self.subTest(flag=flag):
                result = self.call("--data", self.data, "--out", self.run_directory, *TINY, flag)
                self.assert_user_error(result, flag.split("=")[0].strip("-"))

    def test_blanks_around_numbers_are_passed_over(self):
        self.pretrain(*ONE_EPOCH, "--mean", "0.1, 0.2, 0.3", "--input_size", "32, 32", "--lr", " 0.5 ")
        text = (self.run_directory / "config.toml").read_text()
        self.assertIn("mean = [0.1, 0.2, 0.3]\n", text)
        self.assertIn("lr = 0.5\n", text)


if __name__ == "__main__":
    unittest.main()
