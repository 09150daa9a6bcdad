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

    def test_errors(self):
        self.assert_user_error(run_program("info", "--model", "giant"), "giant", "base")
        self.assert_user_error(run_program("info", "--input_size", 100), "multiples of 16")
        self.assert_user_error(run_program("info", "--bogus"), "unknown flag --bogus")
        self.assert_user_error(run_program("inform"), "unknown command inform")


if __name__ == "__main__":
    unittest.main()
