"""What is there already is replaced and deleted only if the program wrote it."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from PIL import Image
from program import PROGRAM, TINY, ProgramTest, checkpoints, epochs, run_program, steps

ONE_EPOCH = ["--batch_size", 10, "--epochs", 1]
MAE_LOG = '{"train_lr": 0.1, "train_loss": 1.5, "epoch": 0, "n_parameters": 111654912}\n'


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*")
            if path.is_file()}


class RunDirectories(ProgramTest):
    def test_files_of_the_user_are_neither_replaced_nor_deleted(self):
        self.pretrain(*ONE_EPOCH)
        weights = (self.run_directory / "weights.safetensors").read_bytes()
        for name, content in (("weights.safetensors", weights), ("config.toml", b"epochs = 3\n"),
                              ("report.html", b"<p>mine"), ("log.txt", MAE_LOG.encode()),
                              ("steps.jsonl", b""), ("checkpoints/resnet50.pth", b"mine")):
            for flags in ([], ["--overwrite"]):
                with self.subTest(name=name, flags=flags):
                    mine = self.folder / f"mine-{name.replace('/', '-')}{len(flags)}"
                    (mine / name).parent.mkdir(parents=True)
                    (mine / name).write_bytes(content)
                    result = self.pretrain(*ONE_EPOCH, *flags, out=mine, expect=2)
                    self.assert_user_error(result, str(mine / name), "--out")
                    self.assertEqual(contents(mine), {(mine / name).relative_to(mine): content})

    def test_a_configuration_of_the_user_in_the_new_directory_is_kept(self):
        mine = self.folder / "mine"
        mine.mkdir()
        config = mine / "config.toml"
        config.write_text("# my settings\nepochs = 1\nbatch_size = 10\n")
        result = self.call("--config", config, "--data", self.data, "--out", mine, *TINY)
        self.assert_user_error(result, "config.toml")
        self.assertEqual(contents(mine), {config.relative_to(mine): config.read_bytes()})

    def test_overwriting_a_run_leaves_the_rest(self):
        self.pretrain(*ONE_EPOCH)
        for name in ("notes.md", "checkpoints/resnet50.pth", "panels/mine.png",
                     "events.out.tfevents.1.host"):
            (self.run_directory / name).parent.mkdir(exist_ok=True)
            (self.run_directory / name).write_text("mine")
        before = set(self.run_directory.iterdir())
        self.pretrain("--batch_size", 20, "--epochs", 1, "--overwrite")
        self.assertEqual(len(steps(self.run_directory)), 1)
        self.assertEqual(len(checkpoints(self.run_directory)), 1)
        self.assertEqual((self.run_directory / "checkpoints/resnet50.pth").read_text(), "mine")
        self.assertEqual((self.run_directory / "panels/mine.png").read_text(), "mine")
        gone = before - set(self.run_directory.iterdir())
        self.assertEqual([path.name[:20] for path in gone], ["events.out.tfevents."])

    def test_the_weights_to_start_from_are_not_deleted(self):
        self.pretrain(*ONE_EPOCH)
        weights = self.run_directory / "weights.safetensors"
        for path in (weights, checkpoints(self.run_directory)[0]):
            result = self.pretrain(*ONE_EPOCH, "--init", path, "--overwrite", expect=2)
            self.assert_user_error(result, "--init")
            self.assertTrue(path.exists())

    def test_a_run_of_the_published_code_is_not_continued(self):
        self.run_directory.mkdir()
        (self.run_directory / "log.txt").write_text(MAE_LOG)
        (self.run_directory / "config.toml").write_text("[other]\nkey = 1\n")
        before = contents(self.run_directory)
        self.assert_user_error(self.call("--resume", self.run_directory), "no run of convmae")
        self.assertEqual(contents(self.run_directory), before)

    def failed_start(self):
        """A run whose first evaluation failed. Returns the command."""
        held_out = self.folder / "held_out"
        shutil.copytree(self.data, held_out)
        bad = held_out / "000.png"
        bad.write_bytes(bad.read_bytes()[:-100])
        command = ["--data", self.data, "--out", self.run_directory, *TINY, *ONE_EPOCH,
                   "--eval_data", held_out, "--on_bad_sample", "error"]
        self.assert_user_error(self.call(*command), "000.png")
        self.assertEqual(checkpoints(self.run_directory), [])
        shutil.copy(self.data / "000.png", bad)
        return command

    def test_a_start_that_failed_is_repeated_by_the_same_command(self):
        command = self.failed_start()
        self.assert_user_error(self.call("--resume", self.run_directory),
                               f"--out {self.run_directory}")
        result = self.call(*command)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(epochs(self.run_directory)), 1)
        events = [path for path in self.run_directory.iterdir() if "tfevents" in path.name]
        self.assertEqual(len(events), 1)

    def test_a_run_that_was_killed_before_its_first_checkpoint_starts_again(self):
        command = ["--data", self.data, "--out", self.run_directory, *TINY, "--batch_size", 1]
        process = self.start(*command, "--epochs", 1)
        path = self.run_directory / "steps.jsonl"
        while not path.exists() or not path.read_text():
            self.assertIsNone(process.poll())
            time.sleep(0.001)
        process.kill()
        process.communicate()
        if checkpoints(self.run_directory):
            self.skipTest("this machine was too fast")
        result = self.call(*command, "--epochs", 1)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_run_without_checkpoints_says_what_may_be_lost(self):
        self.pretrain(*ONE_EPOCH)
        shutil.rmtree(self.run_directory / "checkpoints")
        result = self.call("--resume", self.run_directory)
        self.assert_user_error(result, "--init", "weights.safetensors")
        self.assert_user_error(self.pretrain(*ONE_EPOCH, expect=2), "--overwrite")
        self.pretrain(*ONE_EPOCH, "--overwrite")


class Outputs(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.encoder = cls.scratch / "encoder"
        result = run_program("pretrain", "--data", cls.data, "--out", cls.encoder, *TINY, *ONE_EPOCH)
        assert result.returncode == 0, result.stderr

    def features(self, out, *arguments):
        return run_program("features", "--checkpoint", self.encoder, "--data", self.data, "--out",
                           out, "--threads", 1, *arguments)

    def test_the_list_beside_the_features_replaces_only_an_earlier_one(self):
        out, listed = self.folder / "f.npy", self.folder / "f.csv"
        listed.write_text("name,label\nmine,1\n")
        self.assert_user_error(self.features(out), "f.csv", "--out")
        self.assertEqual(listed.read_text(), "name,label\nmine,1\n")
        self.assertFalse(out.exists())
        listed.unlink()
        for arguments in ([], [], ["--stages", "1,3"], ["--stages", "2,3"]):
            result = self.features(out, *arguments)
            self.assertEqual(result.returncode, 0, result.stderr)
        (self.folder / "g.stage2.npy").write_text("mine")
        self.assert_user_error(self.features(self.folder / "g.npy", "--stages", "2,3"),
                               "g.stage2.npy")

    def test_the_list_of_the_images_is_not_replaced(self):
        images = self.folder / "images.csv"
        text = "name,label\n" + "".join(f"{path},0\n" for path in sorted(self.data.iterdir()))
        images.write_text(text)
        (self.folder / "images.npy").write_text("")
        result = run_program("features", "--checkpoint", self.encoder, "--data", images, "--out",
                             self.folder / "images.npy", "--threads", 1)
        self.assert_user_error(result, "images.csv")
        self.assertEqual(images.read_text(), text)

    def test_the_images_of_a_benchmark_replace_none(self):
        (self.folder / "3.jpg").write_text("mine")
        result = run_program("bench", "data", "--images", 1, "--save", self.folder)
        self.assert_user_error(result, "3.jpg", "--save")
        self.assertEqual((self.folder / "3.jpg").read_text(), "mine")
        for _ in range(2):
            result = run_program("bench", "data", "--images", 1, "--save", self.folder / "new")
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_comparison_without_a_name_replaces_only_one(self):
        compare = lambda: run_program("compare", self.encoder, cwd=self.folder)
        page = self.folder / "comparison.html"
        page.write_text("mine")
        self.assert_user_error(compare(), "comparison.html", "--out")
        self.assertEqual(page.read_text(), "mine")
        page.unlink()
        for _ in range(2):
            self.assertEqual(compare().returncode, 0)

    def test_an_evaluation_replaces_only_one(self):
        classes = self.folder / "classes"
        for name in ("a", "b"):
            shutil.copytree(self.data, classes / name)
        sizes = TINY[:TINY.index("--decoder_embed_dim")]
        result = run_program("finetune", "--data", classes, "--out", self.run_directory, *sizes,
                             "--threads", 1, *ONE_EPOCH, "--warmup_epochs", 0)
        self.assertEqual(result.returncode, 0, result.stderr)
        mine = self.folder / "mine"
        mine.mkdir()
        evaluate = lambda: run_program("eval", "--checkpoint", self.run_directory, "--data", classes,
                                       "--out", mine, "--threads", 1)
        for name in ("eval.json", "confusion.csv", "confusion.png"):
            (mine / name).write_text("{}")
            self.assert_user_error(evaluate(), name, "--out")
            self.assertEqual(contents(mine), {(mine / name).relative_to(mine): b"{}"})
            (mine / name).unlink()
        for _ in range(2):
            result = evaluate()
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads((mine / "eval.json").read_text())["images"], 2 * self.IMAGES)

    def test_signals_leave_no_temporaries(self):
        folder = self.folder / "out"
        folder.mkdir()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number):
                process = self.features_that_wait(folder)
                process.send_signal(number)
                process.communicate()
                self.assertEqual(process.returncode, -number)
                self.assertEqual(os.listdir(folder), [])

    def test_temporaries_of_a_killed_call_are_removed_by_the_next(self):
        folder = self.folder / "out"
        folder.mkdir()
        process = self.features_that_wait(folder)
        process.kill()
        process.communicate()
        self.assertEqual(len(os.listdir(folder)), 2)
        (folder / ".notes.convmae-tmp").write_text("mine")
        result = self.features(folder / "f.npy")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(os.listdir(folder)), [".notes.convmae-tmp", "f.csv", "f.npy"])

    def features_that_wait(self, folder):
        """The command over so many images that it is in the middle of its work for long."""
        many = self.folder / "many.csv"
        image = self.folder / "large.png"
        if not image.exists():
            Image.new("RGB", (2000, 2000)).save(image)
        many.write_text(f"{image}\n" * 5000)
        process = subprocess.Popen(
            [PROGRAM, "features", "--checkpoint", str(self.encoder), "--data", str(many), "--out",
             str(folder / "f.npy"), "--threads", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # One alone may be there only to see whether it can be written.
        while len(os.listdir(folder)) < 2:
            self.assertIsNone(process.poll(), "it ended")
            time.sleep(0.001)
        return process


if __name__ == "__main__":
    unittest.main()
