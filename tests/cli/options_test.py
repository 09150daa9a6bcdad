"""Flags, configuration files and the errors about them."""

import os
import subprocess
import unittest

from program import PROGRAM, TINY, ProgramTest, checkpoints, epochs, steps


class Options(ProgramTest):
    def test_unknown_flag(self):
        result = self.call("--data", self.data, "--out", self.run_directory, "--bogus", "1")
        self.assert_user_error(result, "unknown flag --bogus", "--help")
        self.assertFalse(self.run_directory.exists())

    def test_unknown_key(self):
        config = self.folder / "c.toml"
        config.write_text("epochs = 2\nepoch_count = 3\n")
        result = self.call("--config", config, "--data", self.data, "--out", self.run_directory)
        self.assert_user_error(result, "unknown key 'epoch_count'", "c.toml")

    def test_broken_configuration_names_the_line(self):
        config = self.folder / "c.toml"
        config.write_text("epochs = 2\nmodel = nano\n")
        result = self.call("--config", config, "--data", self.data, "--out", self.run_directory)
        self.assert_user_error(result, "line 2")

    def test_value_of_another_type(self):
        result = self.call("--data", self.data, "--out", self.run_directory, "--epochs", "many")
        self.assert_user_error(result, "epochs")

    def test_dashes_and_aliases(self):
        arguments = [word.replace("_", "-") if word.startswith("--") else word for word in TINY]
        result = self.call(
            "--data-path", self.data, "--output-dir", self.run_directory, *arguments,
            "--batch-size=5", "--epochs", 1, "--mask-ratio", 0.5,
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("mask_ratio = 0.5\n", (self.run_directory / "config.toml").read_text())

    def test_written_configuration_repeats_the_run(self):
        self.pretrain("--batch_size", 4, "--epochs", 2, "--no_fusion", "--mean", "0.4,0.5,0.6")
        again = self.folder / "again"
        result = self.call("--config", self.run_directory / "config.toml", "--out", again)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(
            (again / "config.toml").read_text(), (self.run_directory / "config.toml").read_text()
        )
        self.assertEqual(steps(again), steps(self.run_directory))
        self.assert_same_tensors(again / "weights.safetensors",
                                 self.run_directory / "weights.safetensors")

    def test_flags_go_before_the_configuration(self):
        config = self.folder / "c.toml"
        config.write_text('epochs = 9\nbatch_size = 5\non_bad_sample = "error" # a comment\n')
        result = self.call("--config", config, "--data", self.data, "--out", self.run_directory,
                           *TINY, "--epochs", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        text = (self.run_directory / "config.toml").read_text()
        self.assertIn("epochs = 1\n", text)
        self.assertIn("batch_size = 5\n", text)
        self.assertIn("on_bad_sample = 'error'\n", text)

    def test_masks_that_keep_or_remove_nothing(self):
        # 4 blocks: int(4 * (1 - ratio)) of them are kept.
        for ratio in (0, 1, -0.5, 0.8):
            result = self.call("--data", self.data, "--out", self.run_directory, *TINY,
                               "--mask_ratio", ratio)
            self.assert_user_error(result, "mask_ratio")
            self.assertFalse(self.run_directory.exists())

    def test_sizes_that_the_strides_do_not_divide(self):
        result = self.call("--data", self.data, "--out", self.run_directory, "--input_size", 40, 32)
        self.assert_user_error(result, "40x32", "multiples of 16")
        self.assertFalse(self.run_directory.exists())

    def test_empty_folder(self):
        empty = self.folder / "empty"
        empty.mkdir()
        result = self.call("--data", empty, "--out", self.run_directory, *TINY)
        self.assert_user_error(result, "empty")
        self.assertFalse(self.run_directory.exists())

    def test_fewer_images_than_a_batch(self):
        result = self.call("--data", self.data, "--out", self.run_directory, *TINY,
                           "--batch_size", self.IMAGES + 1)
        self.assert_user_error(result, f"{self.IMAGES} images", "--batch_size")

    def test_unreadable_folder(self):
        closed = self.folder / "closed"
        closed.mkdir(mode=0o000)
        self.addCleanup(closed.chmod, 0o700)
        command = [PROGRAM, "pretrain", "--data", closed, "--out", self.run_directory, *TINY]
        if os.geteuid() == 0:
            # Root reads everything; without its privileges it is a user like any other.
            os.chown(closed, 65534, 65534)
            command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
        result = subprocess.run(command, capture_output=True, text=True)
        self.assert_user_error(result, "closed", "Permission denied")

    def test_weights_and_runs_name_the_right_flag(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        weights = self.run_directory / "weights.safetensors"
        other = self.folder / "other"
        new = ["--data", self.data, "--out", other, *TINY, "--batch_size", 10, "--epochs", 1]
        self.assert_user_error(self.call("--resume", weights), "--init")
        self.assert_user_error(self.call(*new, "--init", self.run_directory), "--resume")
        self.assert_user_error(self.call(*new, "--init", checkpoints(self.run_directory)[-1]),
                               "--resume")
        self.assertFalse(other.exists())
        result = self.call(*new, "--init", weights)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_weights_of_another_model(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        result = self.call(
            "--data", self.data, "--out", self.folder / "other", *TINY, "--decoder_embed_dim", 32,
            "--batch_size", 10, "--init", self.run_directory / "weights.safetensors",
        )
        self.assert_user_error(result, "shape")

    def test_a_run_is_not_overwritten_by_accident(self):
        self.pretrain("--batch_size", 10, "--epochs", 1)
        before = checkpoints(self.run_directory)
        self.assert_user_error(self.pretrain("--batch_size", 10, expect=2), "--resume")
        self.assertEqual(checkpoints(self.run_directory), before)
        self.pretrain("--batch_size", 20, "--epochs", 1, "--overwrite")
        self.assertEqual(len(steps(self.run_directory)), 1)

    def test_held_out_loss_is_logged(self):
        self.pretrain("--batch_size", 4, "--epochs", 3, "--eval_data", self.data,
                      "--eval_every_epochs", 2)
        with_loss = [line["epoch"] for line in epochs(self.run_directory) if "val_loss" in line]
        self.assertEqual(with_loss, [1, 2])

    def test_accumulation_takes_the_tail(self):
        self.pretrain("--batch_size", 4, "--accum_iter", 3, "--epochs", 2)
        self.assertEqual([round(line["epoch"], 9) for line in steps(self.run_directory)],
                         [0.0, 0.6, 1.0, 1.6])

    def test_methods_train(self):
        for method, sizes in (("fastconvmae", TINY), ("mae", ["--input_size", 32, "--model", "nano"])):
            out = self.folder / method
            result = self.call("--data", self.data, "--out", out, "--method", method, *sizes,
                               "--batch_size", 10, "--epochs", 1, "--norm_pix_loss")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertTrue((out / "weights.safetensors").exists())

    def test_broken_images_are_replaced_and_listed(self):
        data = self.folder / "some"
        data.mkdir()
        for path in self.data.iterdir():
            (data / path.name).write_bytes(path.read_bytes())
        (data / "003.png").write_bytes(b"not an image")
        arguments = ["--data", data, *TINY, "--batch_size", 5, "--epochs", 2]
        result = self.call(*arguments, "--out", self.run_directory)
        self.assertEqual(result.returncode, 0, result.stderr)
        listed = (self.run_directory / "bad_samples.jsonl").read_text().splitlines()
        self.assertEqual(len(listed), 1)
        self.assertIn("003.png", listed[0])
        result = self.call(*arguments, "--out", self.folder / "strict", "--on_bad_sample", "error")
        self.assert_user_error(result, "003.png")


class Guard(ProgramTest):
    def test_lost_weights_stop_the_run_and_name_a_checkpoint(self):
        result = self.pretrain("--batch_size", 4, "--epochs", 9, "--lr", "1e30", "--warmup_epochs",
                               0, "--save_every_steps", 1, "--max_skipped_steps", 3, expect=2)
        self.assert_user_error(result, "3 steps in a row", "checkpoints/step-")
        lines = steps(self.run_directory)
        self.assertEqual([line.get("skipped", False) for line in lines[-3:]], [True] * 3)
        self.assertFalse(lines[0].get("skipped", False))
        self.assertIn("3 steps in a row", (self.run_directory / "report.html").read_text())


if __name__ == "__main__":
    unittest.main()
