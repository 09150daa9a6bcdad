"""`convmae study`: a grid of tiny runs, from the plan to the tables."""

import json
import os
import signal
import subprocess
import time
import unittest
from collections import Counter

from program import PROGRAM, ProgramTest, run_program, write_classes, write_images

STUDY = """
title = "Masks <small>"
baseline = "plain"
seeds = 2
[pretrain]
data = "{images}"
input_size = 32
embed_dim = [8, 12, 16]
depth = [1, 1, 1]
num_heads = 2
decoder_embed_dim = 16
decoder_depth = 1
decoder_num_heads = 2
threads = 1
panel_images = 0
batch_size = 10
epochs = 1
[evaluations.knn]
command = "knn"
data = "{classes}"
k = 3
threads = 1
[evaluations.tuned]
command = "finetune"
data = "{classes}"
eval_data = "{classes}"
test = "{classes}"
epochs = 1
warmup_epochs = 0
batch_size = 4
threads = 1
num_workers = 1
[arms.plain]
pretrain = {{ masked_conv = false }}
[arms.masked]
[[claims]]
text = "Masks help."
better = "masked"
worse = "plain"
evaluation = "knn"
"""


class StudyTest(ProgramTest):
    def setUp(self):
        super().setUp()
        images, classes = self.folder / "images", self.folder / "classes"
        write_images(images, 20)
        write_classes(classes / "train", 4)
        write_classes(classes / "val", 3, first=4)
        self.text = STUDY.format(images=images, classes=classes)
        self.study = self.folder / "masks.toml"
        self.study.write_text(self.text)
        self.out = self.folder / "out"

    def lines(self, name="masks"):
        path = self.out / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def run_study(self, *arguments):
        result = run_program("study", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def test_a_study_from_its_plan_to_its_tables(self):
        plan = self.run_study(self.study, "--out", self.out, "--dry_run").stdout
        self.assertIn("12 of 12 tasks are to be run", plan)
        self.assertFalse(self.out.exists())
        result = self.run_study(self.study, "--out", self.out, "--parallel", 2, "--seeds", 1)
        self.assertEqual(Counter(line["evaluation"] for line in self.lines()),
                         {"pretrain": 2, "knn": 2, "tuned": 2})
        result = self.run_study(self.study, "--out", self.out, "--parallel", 2)
        lines = self.lines()
        self.assertEqual(Counter((line["arm"], line["seed"]) for line in lines),
                         {(arm, seed): 3 for arm in ("plain", "masked") for seed in (0, 1)})
        for line in lines:
            self.assertEqual(line["study"], "masks")
            self.assertGreater(line["cpu_seconds"], 0)
            self.assertTrue(line["cpu"] and line["commit"] and line["command"])
        scores = {(line["arm"], line["seed"]): line["value"] for line in lines if line["evaluation"] == "knn"}
        means = {arm: (scores[arm, 0] + scores[arm, 1]) / 2 for arm in ("plain", "masked")}
        self.assertIn(f"| plain | {means['plain']:.2f} ± ", result.stdout)
        self.assertIn(f"{means['masked'] - means['plain']:+.2f} [", result.stdout)
        self.assertIn("12 of 12 results", result.stdout)
        page = (self.out / "report.html").read_text()
        self.assertIn("Masks &lt;small&gt;", page)
        self.assertIn("Masks help.", page)
        again = self.run_study(self.study, "--out", self.out)
        self.assertEqual((again.stdout, again.stderr), (result.stdout, ""))
        self.assertEqual(self.lines(), lines)

        # The tables are made from the lines alone, also in a page.
        tables = self.folder / "page.md"
        tables.write_text("# Page\n<!-- study: begin -->\n<!-- study: end -->\n")
        made = self.run_study(self.study, "--lines", self.out, "--tables", tables)
        self.assertEqual(made.stdout, result.stdout)
        self.assertEqual(tables.read_text(),
                         f"# Page\n<!-- study: begin -->\n\n{made.stdout}\n<!-- study: end -->\n")

        # Another study with the same settings runs nothing anew.
        other = self.folder / "other.toml"
        other.write_text(self.text.replace("arms.masked", "arms.again").replace('"masked"', '"again"'))
        processes = (self.out / "processes.jsonl").read_text()
        self.run_study(self.study, other, "--out", self.out)
        self.assertEqual((self.out / "processes.jsonl").read_text(), processes)
        self.assertEqual({line["value"] for line in self.lines("other") if line["arm"] == "again"},
                         {line["value"] for line in lines if line["arm"] == "masked"})

    def test_what_was_interrupted_goes_on(self):
        self.study.write_text(self.text.replace("epochs = 1\n[evaluations.knn]", "epochs = 400\n[evaluations.knn]")
                              .replace("seeds = 2", "seeds = 1\nevaluate = [\"knn\"]"))
        process = subprocess.Popen([PROGRAM, "study", self.study, "--out", self.out], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not list(self.out.glob("runs/*/steps.jsonl")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assertEqual(self.lines(), [])
        run, = self.out.glob("runs/*")
        step = json.loads((run / "result.json").read_text())["step"]
        self.assertLess(step, 800)
        self.study.write_text(self.study.read_text())
        self.run_study(self.study, "--out", self.out)
        self.assertIn("resumed", json.loads((run / "log.txt").read_text().splitlines()[0]))
        self.assertEqual(json.loads((run / "result.json").read_text())["step"], 800)
        self.assertEqual(len(self.lines()), 4)

    def test_costs_are_measured_in_turns(self):
        result = self.run_study(self.study, "--out", self.out, "--measure", "--dry_run")
        costs = [json.loads(line) for line in (self.out / "costs.jsonl").read_text().splitlines()]
        self.assertEqual([line["round"] for line in costs], [0, 0, 1, 1, 2, 2])
        self.assertEqual(len({line["setting"] for line in costs}), 2)
        self.assertEqual({line["steps_per_epoch"] for line in costs}, {2})
        self.assertIn("and 8 whose time is not known", result.stdout)
        self.assertEqual(self.lines(), [])

    def test_what_fails_is_told_and_the_rest_is_run(self):
        self.study.write_text(self.text.replace("masked_conv = false", "mask_ratio = 2").replace("seeds = 2", "seeds = 1"))
        result = run_program("study", self.study, "--out", self.out)
        self.assertEqual(result.returncode, 1)
        self.assertIn("masks: plain, pretrain, seed 0: failed with code 2", result.stderr)
        self.assertEqual({line["arm"] for line in self.lines()}, {"masked"})
        log = next(line for line in result.stderr.splitlines() if "failed" in line).split("'")[1]
        self.assertIn("mask_ratio", open(log).read())

    def test_errors(self):
        self.assert_user_error(run_program("study"), "studies")
        self.assert_user_error(run_program("study", self.study), "--out")
        self.assert_user_error(run_program("study", self.folder / "none.toml", "--out", self.out), "none.toml")
        self.assert_user_error(run_program("study", self.study, self.study, "--out", self.out), "two of the studies")
        self.study.write_text(self.text.replace("baseline", "base_line"))
        self.assert_user_error(run_program("study", self.study, "--out", self.out), "unknown key 'base_line'")
        self.assertFalse(self.out.exists())
        self.study.write_text(self.text)
        page = self.folder / "page.md"
        page.write_text("no markers")
        self.assert_user_error(run_program("study", self.study, "--lines", self.out, "--tables", page), "study: begin")


if __name__ == "__main__":
    unittest.main()
