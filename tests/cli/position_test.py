"""How a model knows positions: --position, from pretraining to whatever reads its file."""

import json
import shutil
import unittest

import numpy as np
from program import (ONE_EPOCH, TINY, ProgramTest, checkpoints, metadata_of, run_program, steps, tensors,
                     write_classes)

TABLE = "blocks3.0.attn.relative_position_bias_table"


class Position(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.classes = cls.scratch / "classes"
        write_classes(cls.classes, 6)
        cls.pretrained = {}
        for position in ("sincos", "relative", "none"):
            run = cls.pretrained[position] = cls.scratch / position
            result = run_program("pretrain", "--data", cls.data, "--out", run, *TINY, *ONE_EPOCH,
                                 "--position", position, "--save_every_steps", 1, "--lr", "0.01")
            assert result.returncode == 0, result.stderr

    def weights(self, position):
        return self.pretrained[position] / "weights.safetensors"

    def run_well(self, *arguments):
        result = run_program(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def finetune(self, position, *arguments, out=None):
        return self.run_well("finetune", "--data", self.classes, "--init", self.weights(position),
                             "--out", out or self.run_directory, "--batch_size", 4, "--epochs", 1,
                             "--warmup_epochs", 0, "--threads", 1, *arguments)

    def test_a_file_has_the_tables_of_its_model_and_says_so(self):
        for position, run in self.pretrained.items():
            found = tensors(run / "weights.safetensors")
            self.assertEqual("pos_embed" in found, position == "sincos")
            self.assertEqual(TABLE in found, position == "relative")
            model = json.loads(metadata_of(run / "weights.safetensors")["convmae.model"])
            self.assertEqual(model["position"], position)
            self.assertIn(f"position = '{position}'\n", (run / "config.toml").read_text())
        table = tensors(self.weights("relative"))[TABLE]
        self.assertEqual(table.shape, (9, 2))
        self.assertTrue(np.any(table), "which is trained")

    def test_a_cut_run_continues_exactly(self):
        for position in ("relative", "none"):
            run = self.folder / position
            shutil.copytree(self.pretrained[position], run, symlinks=True)
            checkpoints(run)[-1].unlink()
            (run / "weights.safetensors").unlink()
            self.run_well("pretrain", "--resume", run)
            self.assert_same_tensors(run / "weights.safetensors", self.weights(position))
            self.assertEqual(steps(run), steps(self.pretrained[position]))

    def test_what_reads_a_file_reads_how_it_knows_positions(self):
        for position in ("relative", "none"):
            for command in ("finetune", "linprobe"):
                run = self.folder / f"{command}-{position}"
                self.run_well(command, "--data", self.classes, "--init", self.weights(position),
                              "--out", run, "--batch_size", 4, "--epochs", 1, "--warmup_epochs", 0,
                              "--threads", 1)
                found = tensors(run / "weights.safetensors")
                self.assertNotIn("pos_embed", found)
                self.assertEqual(TABLE in found, position == "relative")
                self.run_well("eval", "--checkpoint", run, "--data", self.classes)
                self.run_well("predict", "--checkpoint", run, self.classes / "red" / "000.png")
            self.run_well("knn", "--checkpoint", self.weights(position), self.classes, "--k", 1)
            self.run_well("features", "--checkpoint", self.weights(position), self.classes,
                          "--out", self.folder / "f.npy")
            self.run_well("inspect", self.weights(position))

    def test_another_size_of_images(self):
        result = self.finetune("relative", "--input_size", 48, 32)
        self.assertIn("relative positions of a 2x2 grid interpolated to 3x2", result.stderr)
        self.assertEqual(tensors(self.run_directory / "weights.safetensors")[TABLE].shape, (15, 2))

    def test_from_one_to_another_is_said_in_a_line(self):
        result = self.finetune("sincos", "--position", "relative", out=self.folder / "tables")
        self.assertIn("new: tables of relative positions, which the file lacks", result.stderr)
        result = self.finetune("relative", "--position", "sincos", out=self.folder / "table")
        self.assertIn("left out: the file's tables of relative positions", result.stderr)
        result = self.pretrain(*ONE_EPOCH, "--init", self.weights("sincos"), "--position",
                               "relative", out=self.folder / "pretrained")
        lines = [line for line in result.stderr.splitlines() if "relative positions" in line]
        self.assertEqual(len(lines), 1, result.stderr)

    def test_a_file_of_shapes_alone(self):
        plain = self.folder / "plain.safetensors"
        self.run_well("convert", self.weights("relative"), plain, "--layout", "timm")
        architecture = json.loads(self.run_well("inspect", plain, "--json").stdout)["architecture"]
        self.assertEqual((architecture["relative_position"], architecture["num_heads"],
                          architecture["positions"]), ("per block", 2, None))
        self.run_well("features", "--checkpoint", plain, self.classes, "--out",
                      self.folder / "a.npy")
        self.run_well("features", "--checkpoint", self.weights("relative"), self.classes, "--out",
                      self.folder / "b.npy")
        self.assertTrue(np.array_equal(np.load(self.folder / "a.npy"),
                                       np.load(self.folder / "b.npy")))

    def test_configurations_of_earlier_versions(self):
        config = self.folder / "c.toml"
        for value, position in (("true", "sincos"), ("false", "none")):
            config.write_text(f"use_pos_embed = {value}\n")
            run = self.folder / position
            self.pretrain(*ONE_EPOCH, "--config", config, out=run)
            text = (run / "config.toml").read_text()
            self.assertIn(f"position = '{position}'\n", text)
            self.assertNotIn("use_pos_embed", text)
        run = self.folder / "typed"
        self.pretrain(*ONE_EPOCH, "--config", config, "--position", "relative", out=run)
        self.assertIn("position = 'relative'\n", (run / "config.toml").read_text())
        config.write_text("use_pos_embed = true\nposition = 'none'\n")
        self.assert_user_error(self.pretrain("--config", config, expect=2), "keep one")

    def test_bad_values(self):
        for value in ("absolute", "true", "SINCOS", "1"):
            self.assert_user_error(self.pretrain("--position", value, expect=2), f"'{value}'",
                                   "sincos, relative or none")
        self.assert_user_error(run_program("info", "--method", "mae", "--position", "relative"),
                               "class token")
        config = self.folder / "c.toml"
        for text, value in (("position = 'learned'", "'learned'"), ("position = true", "'true'"),
                            ("use_pos_embed = 'learned'", "'learned'"),
                            ("use_pos_embed = 3", "'3'")):
            config.write_text(text + "\n")
            self.assert_user_error(self.pretrain("--config", config, expect=2), value,
                                   "sincos, relative or none")

    def test_info_counts_the_tables(self):
        def report(position):
            return json.loads(self.run_well("info", "--model", "nano", "--position", position,
                                            "--json").stdout)

        none, relative = report("none"), report("relative")
        self.assertEqual(relative["config"]["position"], "relative")
        self.assertEqual(relative["total"]["trainable"] - none["total"]["trainable"],
                         4 * 27 * 27 * 6)
        self.assertEqual(report("sincos")["total"]["parameters"] - none["total"]["parameters"],
                         196 * 192)
        for key in ("dense_macs", "visible_macs"):
            self.assertEqual(relative["total"][key], none["total"][key])


if __name__ == "__main__":
    unittest.main()
