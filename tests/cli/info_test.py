"""`convmae info`: sizes and costs of models."""

import json
import unittest

from program import ProgramTest, run_program


class Info(ProgramTest):
    def info(self, *arguments):
        result = run_program("info", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_the_table_ends_with_the_published_number_of_parameters(self):
        for method, parameters in (("convmae", 115041408), ("mae", 111907840)):
            lines = self.info("--model", "base", "--method", method).splitlines()
            total = next(line for line in lines if line.startswith("total"))
            self.assertEqual(int(total.split()[1]), parameters)

    def test_layers_add_up(self):
        report = json.loads(self.info("--model", "nano", "--json"))
        for key in ("parameters", "trainable", "dense_macs", "visible_macs"):
            self.assertEqual(sum(layer[key] for layer in report["layers"]), report["total"][key])
        self.assertGreater(report["total"]["dense_macs"], report["total"]["visible_macs"])

    def test_model_flags_count(self):
        arguments = ["--model", "nano", "--json"]
        plain = json.loads(self.info(*arguments))["total"]
        deeper = json.loads(self.info(*arguments, "--depth", "2,2,5"))["total"]
        self.assertGreater(deeper["parameters"], plain["parameters"])
        fewer = json.loads(self.info(*arguments, "--mask_ratio", 0.9))["total"]
        self.assertEqual(fewer["dense_macs"] > fewer["visible_macs"], True)
        self.assertLess(fewer["visible_macs"], plain["visible_macs"])
        self.assertEqual(fewer["parameters"], plain["parameters"])
        wide = json.loads(self.info(*arguments, "--input-size", 64, 128))["config"]
        self.assertEqual(wide["img_size"], [64, 128])

    def test_a_model_that_no_machine_could_hold_is_only_counted(self):
        report = json.loads(self.info("--embed_dim", "100000,100000,400000", "--num_heads", 16,
                                      "--depth", "2,2,100", "--mlp_ratio", "1,1,1", "--json"))
        self.assertGreater(report["total"]["parameters"], 10 ** 13)

    def test_a_detector_costs_what_is_published(self):
        report = json.loads(self.info("--task", "detect", "--json"))
        rounded = {part["name"]: round(part["macs"] / 1e9) for part in report["parts"]}
        self.assertEqual(rounded, {"encoder": 583, "pyramid": 58, "proposals": 103, "boxes": 129,
                                   "masks": 53})
        for key in ("parameters", "trainable", "macs"):
            self.assertEqual(sum(part[key] for part in report["parts"]), report["total"][key])
        table = self.info("--task", "detect", "--detector", "official")
        self.assertIn("109700272 parameters (109700272 trained)", table)

    def test_detector_flags_count(self):
        arguments = ["--task", "detect", "--model", "nano", "--json"]
        plain = json.loads(self.info(*arguments))["total"]
        smaller = json.loads(self.info(*arguments, "--input_size", 512))["total"]
        self.assertLess(smaller["macs"], plain["macs"])
        fewer = json.loads(self.info(*arguments, "--num_classes", 5))["total"]
        self.assertLess(fewer["parameters"], plain["parameters"])
        self.assert_user_error(run_program("info", "--task", "count"), "--task 'count'", "detect")
        self.assert_user_error(run_program("info", *arguments, "--detector", "swin"), "official")
        self.assert_user_error(run_program("info", "--task", "detect", "--input_size", 224), "windows")
        self.assert_user_error(run_program("info", *arguments, "--num_classes", 0), "num_classes")

    def test_a_segmentor_costs_what_is_published(self):
        report = json.loads(self.info("--task", "segment", "--json"))
        self.assertEqual(report["total"]["parameters"], 160175664)
        self.assertEqual(round(report["total"]["dense_macs"] / 1e9, -1), 610)
        self.assertEqual(report["config"]["img_size"], [512, 512])
        small = ["--task", "segment", "--model", "nano", "--json"]
        fewer = json.loads(self.info(*small, "--input_size", 256))["total"]
        self.assertLess(fewer["dense_macs"], json.loads(self.info(*small))["total"]["dense_macs"])
        self.assert_user_error(run_program("info", "--task", "count"), "--task 'count'", "segment")
        self.assert_user_error(run_program("info", *small, "--input_size", 32), "3 blocks a side")

    def test_sizes_beyond_all_models(self):
        for flag, value, expected in (("--depth", "2,2,300000", "depth must be 10000 or less"),
                                      ("--input_size", "32768", "67108864 numbers"),
                                      ("--input_size", "1099511627776", "beyond all counting"),
                                      ("--patch_size", "4294967296,4294967296,1", "beyond all"),
                                      ("--embed_dim", "1,1,4611686018427387904", "embed_dim must"),
                                      ("--mlp_ratio", "1,1,1e300", "mlp_ratio"),
                                      ("--mlp_ratio", "0,1,1", "mlp_ratio"),
                                      ("--decoder_embed_dim", "0", "decoder_embed_dim must"),
                                      ("--decoder_depth", "99999999", "decoder_depth must")):
            with self.subTest(flag=flag, value=value):
                self.assert_user_error(run_program("info", flag, value), expected)

    def test_errors(self):
        self.assert_user_error(run_program("info", "--model", "giant"), "giant", "base")
        self.assert_user_error(run_program("info", "--input_size", 100), "multiples of 16")
        self.assert_user_error(run_program("info", "--bogus"), "unknown flag --bogus")
        self.assert_user_error(run_program("inform"), "unknown command inform")


if __name__ == "__main__":
    unittest.main()
