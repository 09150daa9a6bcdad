"""What a run has learned outlives whatever ends it, and the best checkpoint is the best."""

import csv
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from safetensors.numpy import load_file, save_file

from finetune_test import TINY as TINY_CLASSIFIER, write_classes
from program import PROGRAM, TINY, ProgramTest, checkpoints, epochs, run_program, steps, tensors

BEST = "best.safetensors"


def metadata_of(path):
    size = int.from_bytes(path.read_bytes()[:8], "little")
    return json.loads(path.read_bytes()[8:8 + size])["__metadata__"]


def rewrite(path, change):
    """Changes metadata and tensors of a checkpoint, and gives it the digest that they have."""
    metadata, arrays = metadata_of(path), load_file(path)
    change(metadata, arrays)
    lines = [f"{key}={text}" for key, text in metadata.items() if key != "convmae.digest"]
    lines += [f"{name}:{hashlib.sha256(array.tobytes()).hexdigest()}"
              for name, array in arrays.items()]
    text = "".join(line + "\n" for line in sorted(lines))
    metadata["convmae.digest"] = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    save_file(arrays, path, metadata)


class SavingTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        images = sorted(cls.data.iterdir())
        cls.held_out = cls.copies(images, "held-out", 8)
        # So many that a test meets the program while it looks at them.
        cls.many = cls.copies(images, "many", 1500)

    @classmethod
    def copies(cls, images, name, count):
        folder = cls.scratch / name
        folder.mkdir()
        for number in range(count):
            os.link(images[number % len(images)], folder / f"{number:05}.png")
        return folder

    def new_run(self, *arguments, data=None, **keywords):
        return self.start("--data", data or self.data, "--out", self.run_directory, *TINY,
                          "--num_workers", 1, *arguments, **keywords)

    def wait_until(self, process, condition, what):
        end = time.monotonic() + 120
        while not condition():
            self.assertIsNone(process.poll(), f"ended before: {what}")
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.002)

    def wait_for_steps(self, process, count):
        path = self.run_directory / "steps.jsonl"
        self.wait_until(process, lambda: path.exists() and path.read_text().count("\n") >= count,
                        f"{count} steps")

    def wait_for_checkpoint(self, process, step):
        name = self.run_directory / "checkpoints" / f"step-{step:08}.safetensors"
        self.wait_until(process, name.exists, name.name)

    def resume(self, *arguments, expect=0):
        result = self.call("--resume", self.run_directory, *arguments)
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def best(self):
        return (self.run_directory / "checkpoints" / BEST).resolve().name


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
                process = self.new_run(*recipe)
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

    def test_a_signal_ends_the_first_look(self):
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
        # Before the look at its end and after it, the epoch is as much over.
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


class Best(SavingTest):
    RECIPE = ["--batch_size", 10, "--warmup_epochs", 0]

    def ranked(self):
        """The scores in the log by the names of the checkpoints that they belong to."""
        return {f"step-{2 * (line['epoch'] + 1):08}.safetensors": line["val_loss"]
                for line in epochs(self.run_directory) if "val_loss" in line}

    def assert_best_is_best(self):
        left = {path.name for path in checkpoints(self.run_directory)}
        scores = self.ranked()
        self.assertIn(self.best(), left)
        self.assertEqual(scores[self.best()], min(scores.values()))

    def test_is_never_worse_than_another(self):
        # Steps this large make the loss go up and down.
        for keep in (1, 3):
            with self.subTest(keep_last=keep):
                self.run_directory = self.folder / f"run-{keep}"
                self.pretrain(*self.RECIPE, "--epochs", 12, "--lr", 0.2, "--eval_data",
                              self.held_out, "--keep_last", keep, "--save_every_epochs", 5,
                              "--save_every_steps", 3)
                scores = list(self.ranked().values())
                self.assertEqual(len(scores), 12)
                self.assertNotEqual(scores.index(min(scores)), 11)
                self.assert_best_is_best()
                self.assertLessEqual(len(checkpoints(self.run_directory)), keep + 1)
                notes = (self.run_directory / "checkpoints").glob("score-*.json")
                self.assertLessEqual({path.stem[6:] for path in notes},
                                     {path.stem[5:] for path in checkpoints(self.run_directory)})

    def test_what_is_evaluated_is_saved(self):
        self.pretrain(*self.RECIPE, "--epochs", 3, "--eval_data", self.held_out,
                      "--eval_every_epochs", 2, "--save_every_epochs", 0, "--keep_last", 9)
        self.assertEqual([path.stem for path in checkpoints(self.run_directory)],
                         ["step-00000004", "step-00000006"])
        self.assert_best_is_best()

    def test_needs_held_out_images(self):
        self.pretrain(*self.RECIPE, "--epochs", 3, "--lr", 0.2)
        self.assertFalse(os.path.lexists(self.run_directory / "checkpoints" / BEST))

        def features(checkpoint):
            out = self.folder / f"{checkpoint.name}.npy"
            result = run_program("features", "--checkpoint", checkpoint, "--data", self.held_out,
                                 "--stages", 3, "--out", out)
            self.assertEqual(result.returncode, 0, result.stderr)
            return out.read_bytes()

        last, before = checkpoints(self.run_directory)[::-1]
        self.assertEqual(features(self.run_directory), features(last))
        self.assertNotEqual(features(last), features(before))

    def test_a_score_that_is_not_finite_is_none(self):
        recipe = [*self.RECIPE, "--lr", 1e30, "--eval_data", self.held_out]
        self.pretrain(*recipe, "--epochs", 1)
        self.assertIsNone(epochs(self.run_directory)[0]["val_loss"])
        self.assertFalse(os.path.lexists(self.run_directory / "checkpoints" / BEST))
        result = self.resume("--epochs", 2)
        self.assertNotIn("damaged", result.stderr)
        self.assertEqual(len(steps(self.run_directory)), 4)

    def test_a_missing_score_is_found_again(self):
        self.pretrain(*self.RECIPE, "--epochs", 2, "--eval_data", self.held_out)
        scores = self.ranked()
        for path in (self.run_directory / "checkpoints").glob("score-*.json"):
            path.unlink()
        (self.run_directory / "checkpoints" / BEST).unlink()
        self.resume()
        self.assertEqual(self.best(), "step-00000004.safetensors")
        self.assertEqual(self.ranked(), scores)
        self.assertEqual(len(steps(self.run_directory)), 4)

    def test_the_last_look_at_a_time_limit_counts(self):
        process = self.new_run("--batch_size", 1, "--warmup_epochs", 0, "--epochs", 2,
                               "--eval_data", self.held_out, "--max_minutes", 0.05, data=self.many)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 0, err)
        self.assertTrue(epochs(self.run_directory)[-1]["incomplete"])
        self.assertIn("val_loss", epochs(self.run_directory)[-1])
        (only,) = checkpoints(self.run_directory)
        self.assertEqual(self.best(), only.name)

    def test_a_file_system_without_links(self):
        compiler = shutil.which("cc") or shutil.which("c++") or shutil.which("gcc")
        source = self.folder / "no_links.c"
        source.write_text("#include <errno.h>\n" + "".join(
            f"int {call} {{ errno = EPERM; return -1; }}\n"
            for call in ("symlink(const char *a, const char *b)",
                         "symlinkat(const char *a, int f, const char *b)",
                         "link(const char *a, const char *b)",
                         "linkat(int f, const char *a, int g, const char *b, int h)")))
        library = self.folder / "no_links.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
        environment = dict(os.environ, LD_PRELOAD=str(library),
                           ASAN_OPTIONS="verify_asan_link_order=0")
        result = self.call("--data", self.data, "--out", self.run_directory, *TINY, *self.RECIPE,
                           "--epochs", 6, "--lr", 0.2, "--eval_data", self.held_out,
                           "--keep_last", 9, env=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(os.path.lexists(self.run_directory / "checkpoints" / BEST))
        scores = self.ranked()
        best = min(scores, key=scores.get)
        out = {}
        for name, checkpoint in (("run", self.run_directory),
                                 ("best", self.run_directory / "checkpoints" / best)):
            out[name] = self.folder / f"{name}.npy"
            run_program("features", "--checkpoint", checkpoint, "--data", self.held_out,
                        "--stages", 3, "--out", out[name])
        self.assertEqual(out["run"].read_bytes(), out["best"].read_bytes())


class Continuation(SavingTest):
    def test_tries_the_checkpoint_before(self):
        self.pretrain("--batch_size", 10, "--epochs", 4, "--keep_last", 2, "--eval_data",
                      self.held_out)
        newest = checkpoints(self.run_directory)[-1]
        intact, weights = newest.read_bytes(), self.run_directory / "weights.safetensors"
        expected = tensors(weights)

        def trainer(change):
            def apply(metadata, arrays):
                state = json.loads(metadata["convmae.trainer"])
                change(state)
                metadata["convmae.trainer"] = json.dumps(state)
            return lambda: rewrite(newest, apply)

        damages = {
            "empty": lambda: newest.write_bytes(b""),
            "cut": lambda: newest.write_bytes(intact[:-100]),
            "a bit of the header": lambda: newest.write_bytes(
                intact[:20] + bytes([intact[20] ^ 4]) + intact[21:]),
            "a text for a number": trainer(lambda state: state.update(step="x")),
            "null for a number": trainer(lambda state: state.update(loss_sum=None)),
            "no number": trainer(lambda state: state.pop("global_step")),
            "an impossible step": trainer(lambda state: state.update(step=10**15)),
            "trainer state that is none": lambda: rewrite(
                newest, lambda metadata, _: metadata.update({"convmae.trainer": "[]"})),
            "a missing tensor": lambda: rewrite(
                newest, lambda _, arrays: arrays.pop("norm.weight")),
            "a tensor of another shape": lambda: rewrite(
                newest, lambda _, arrays: arrays.update(
                    {"norm.weight": arrays["norm.weight"][:-1].copy()})),
        }
        for name, damage in damages.items():
            with self.subTest(damage=name):
                newest.write_bytes(intact)
                damage()
                result = self.resume()
                self.assertIn("passing it over", result.stderr)
                self.assertIn("step-00000008", result.stderr)
                self.assertEqual([line["step"] for line in steps(self.run_directory)],
                                 list(range(1, 9)))
                self.assert_same_tensors(newest, weights.parent / "checkpoints" / newest.name)
                found = tensors(weights)
                for key, value in expected.items():
                    self.assertEqual(found[key].tobytes(), value.tobytes(), key)

    def test_a_checkpoint_of_an_earlier_version(self):
        self.pretrain("--batch_size", 10, "--epochs", 2, "--eval_data", self.held_out)
        first, newest = checkpoints(self.run_directory)
        for path, epoch, score in ((first, 1, 0.5), (newest, 2, None)):
            def age(metadata, _):
                state = json.loads(metadata["convmae.trainer"])
                del state["image_names"], state["image_classes"]
                state.update(epoch=epoch, step=0, loss_sum=0, loss_count=0, score=score,
                             best_score=0.5)
                metadata["convmae.trainer"] = json.dumps(state)
            rewrite(path, age)
            (path.parent / f"score-{path.stem[5:]}.json").unlink()
        link = self.run_directory / "checkpoints" / BEST
        link.unlink()
        link.symlink_to(first.name)
        result = self.resume("--epochs", 3, "--keep_last", 1)
        self.assertNotIn("passing", result.stderr)
        self.assertEqual(self.best(), first.name)
        self.assertEqual([path.stem for path in checkpoints(self.run_directory)],
                         ["step-00000002", "step-00000006"])

    def test_wants_the_same_images(self):
        images = self.folder / "images"
        shutil.copytree(self.data, images)
        table = self.folder / "list.csv"

        def write(labels):
            with open(table, "w", newline="") as file:
                csv.writer(file).writerows(
                    (f"images/{path.name}", label)
                    for path, label in zip(sorted(images.iterdir()), labels))

        def resume():
            return self.call("--resume", self.run_directory, "--epochs", 2)

        write([0, 1] * 10)
        result = self.call("--data", table, "--out", self.run_directory, *TINY, "--batch_size", 10,
                           "--epochs", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        write([1, 0] * 10)
        self.assert_user_error(resume(), "--data", "classes differ")
        write([0, 1] * 10)
        (images / "003.png").rename(images / "zzz.png")
        write([0, 1] * 10)
        self.assert_user_error(resume(), "--data", "names differ")
        (images / "zzz.png").rename(images / "003.png")
        write([0, 1] * 10)
        self.assertEqual(resume().returncode, 0)

    def test_images_may_be_moved(self):
        moved = self.folder / "elsewhere" / "photos"
        shutil.copytree(self.data, moved)
        self.pretrain("--batch_size", 10, "--epochs", 1)
        self.resume("--epochs", 2, "--data", moved)


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
