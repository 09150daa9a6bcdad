"""What a run has learned is saved before it is measured, and so outlives whatever ends the measuring."""

import json
import os
import resource
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from program import (DRAWS, PROGRAM, TINY, TINY_CLASSIFIER, checkpoints, epochs, metadata_of, run_program, steps,
                     write_classes)
from saving import BEST, SavingTest


class SaveThenEvaluate(SavingTest):
    RECIPE = ["--batch_size", 10, "--epochs", 2]  # two steps an epoch

    def assert_continues_as_one(self, *recipe):
        """The interrupted run, continued, ends as one that nothing interrupted."""
        self.resume()
        whole = self.folder / "whole"
        self.pretrain(*recipe, out=whole)
        self.assertEqual(steps(self.run_directory), steps(whole))
        self.assertEqual(epochs(self.run_directory), epochs(whole))
        self.assert_same_tensors(self.run_directory / "weights.safetensors",
                                 whole / "weights.safetensors")
        self.assertEqual(self.best(), (whole / "checkpoints" / BEST).resolve().name)

    def test_killed_while_it_evaluates(self):
        recipe = [*self.RECIPE, "--eval_data", self.many]
        process = self.new_run(*recipe)
        self.wait_for_checkpoint(process, 2)
        process.kill()
        process.communicate()
        self.assertEqual(epochs(self.run_directory), [])  # so it did evaluate
        self.assert_continues_as_one(*recipe)

    def test_signals_end_an_evaluation(self):
        for number, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            with self.subTest(signal=number):
                self.run_directory = self.folder / f"run-{code}"
                recipe = [*self.RECIPE, "--eval_data", self.many, "--save_every_epochs", 0]
                # Whatever this test runs under, such as nohup.
                process = self.new_run(*recipe, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
                self.wait_for_checkpoint(process, 2)
                process.send_signal(number)
                # A shell passes on what the process has got from its terminal already.
                if number == signal.SIGHUP:
                    process.send_signal(number)
                out, err = process.communicate()
                self.assertEqual(process.returncode, code, err)
                self.assertIn(f"--resume {self.run_directory}", out)
                self.assertEqual(epochs(self.run_directory), [])
                self.assertIn("Stopped by a signal",
                              (self.run_directory / "report.html").read_text())
                shutil.rmtree(self.folder / "whole", ignore_errors=True)
                self.assert_continues_as_one(*recipe)

    def test_a_signal_ends_the_first_evaluation(self):
        process = self.new_run("--epochs", 1, "--batch_size", 20, "--eval_data", self.many)
        self.wait_until(process, (self.run_directory / "log.txt").exists, "log.txt")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
        self.assertEqual(process.returncode, 143, err)
        self.assertEqual(steps(self.run_directory), [])
        self.assertIn("before the first step", out)

    def test_a_signal_ends_an_accumulation(self):
        recipe = ["--batch_size", 1, "--accum_iter", 2000, "--epochs", 2]  # one step an epoch
        process = self.new_run(*recipe, data=self.many)
        self.wait_for_checkpoint(process, 1)
        time.sleep(0.05)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 130, err)
        notices = [line for line in err.splitlines() if "again" in line]
        self.assertEqual(len(notices), 1, err)
        self.assertIn("checkpoint", notices[0])
        self.assertEqual(len(steps(self.run_directory)), 1)
        self.resume()
        self.assertEqual(len(steps(self.run_directory)), 2)
        # Before the evaluation at its end and after it, the epoch is as much over.
        epoch = [json.loads(metadata_of(path)["convmae.provenance"])["epoch"]
                 for path in (checkpoints(self.run_directory)[-1],
                              self.run_directory / "weights.safetensors")]
        self.assertEqual(epoch, [2, 2])

    def test_nohup_is_respected(self):
        process = self.new_run(*self.RECIPE, "--eval_data", self.many,
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.wait_for_steps(process, 1)
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 0, err)

    def test_a_reader_that_goes_away_costs_nothing(self):
        process = self.new_run("--batch_size", 10, "--epochs", 100000, "--save_every_epochs", 0)
        self.wait_for_steps(process, 2)
        process.stderr.close()
        process.stdout.close()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(), 130)
        self.assertEqual(len(checkpoints(self.run_directory)), 1)

    def test_an_unreadable_held_out_image(self):
        held_out = self.folder / "held-out"
        shutil.copytree(self.held_out, held_out)
        recipe = [*self.RECIPE, "--eval_data", held_out, "--on_bad_sample", "error",
                  "--eval_every_epochs", 2, "--save_every_epochs", 0]
        process = self.new_run(*recipe)
        self.wait_for_steps(process, 1)
        bad = held_out / "00003.png"
        content = bad.read_bytes()
        bad.unlink()  # its content has other names
        bad.write_bytes(content[:100])
        _, err = process.communicate()
        self.assertEqual(process.returncode, 2, err)
        self.assertEqual([path.stem for path in checkpoints(self.run_directory)],
                         ["step-00000004"])
        self.assertIn("failed", (self.run_directory / "report.html").read_text())
        bad.write_bytes(content)
        self.assert_continues_as_one(*recipe)

    @unittest.skipUnless(DRAWS, "this build draws no pictures")
    def test_pictures_and_reports_that_cannot_be_written(self):
        recipe = ["--panel_images", 2, "--panel_every_epochs", 1]
        self.pretrain("--batch_size", 10, "--epochs", 1, *recipe)
        shutil.rmtree(self.run_directory / "panels")
        (self.run_directory / "panels").write_text("")
        (self.run_directory / "report.html").unlink()
        (self.run_directory / "report.html").mkdir()
        result = self.resume("--epochs", 2)
        self.assertIn("warning: a picture could not be written", result.stderr)
        self.assertIn("warning: the report could not be written", result.stderr)
        self.assertEqual(checkpoints(self.run_directory)[-1].stem, "step-00000004")
        self.assertTrue((self.run_directory / "weights.safetensors").exists())

    def test_running_out_of_memory_marks_the_report(self):
        if b"__asan_init" in Path(PROGRAM).read_bytes():
            self.skipTest("a sanitized program needs more address space than can be had")
        limit = (2 * 10**9, 2 * 10**9)
        result = self.call("--data", self.data, "--out", self.run_directory, "--input_size", 2048,
                           *TINY[TINY.index("--embed_dim"):], "--batch_size", 4, "--num_workers",
                           1, "--epochs", 1,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit))
        self.assertGreater(result.returncode, 0, result.stderr)
        self.assertIn("Stopped by an error", (self.run_directory / "report.html").read_text())


class Classifier(SavingTest):
    def test_killed_while_it_evaluates(self):
        classes = self.folder / "classes"
        write_classes(classes / "train", 8)
        for name in ("blue", "red"):
            (classes / "val" / name).mkdir(parents=True)
            for number in range(500):
                os.link(classes / "train" / name / f"{number % 8:03}.png",
                        classes / "val" / name / f"{number:04}.png")
        for command in ("finetune", "linprobe"):
            with self.subTest(command=command):
                run = self.run_directory = self.folder / command
                recipe = ["--data", classes, "--eval_data", classes, *TINY_CLASSIFIER, "--epochs", 2,
                          "--warmup_epochs", 0]
                process = subprocess.Popen([PROGRAM, command, *map(str, recipe), "--out", run],
                                           stderr=subprocess.PIPE, text=True)
                self.wait_for_checkpoint(process, 4)
                process.kill()
                process.communicate()
                self.assertEqual(epochs(run), [])
                result = run_program(command, "--resume", run)
                self.assertEqual(result.returncode, 0, result.stderr)
                whole = self.folder / f"{command}-whole"
                result = run_program(command, *recipe, "--out", whole)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(epochs(run), epochs(whole))
                self.assert_same_tensors(run / "weights.safetensors",
                                         whole / "weights.safetensors")
                accuracy = {f"step-{4 * (line['epoch'] + 1):08}.safetensors": line["test_acc1"]
                            for line in epochs(run)}
                self.assertEqual(accuracy[self.best()], max(accuracy.values()))


if __name__ == "__main__":
    unittest.main()
