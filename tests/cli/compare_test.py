"""`convmae compare`: the curves of several runs on one page."""

import json
import unittest
import xml.etree.ElementTree

from finetune_test import ClassifierTest
from program import run_program


def charts(page):
    """Per chart: its title and the names of its curves."""
    found = []
    for figure in xml.etree.ElementTree.parse(page).iter():
        if figure.tag.endswith("figure") and "chart" in figure.get("class", ""):
            title = next(e.text for e in figure.iter() if e.tag.endswith("h3"))
            legend = next(e for e in figure.iter() if e.get("class") == "legend")
            found.append((title, [span.find("{*}i").tail.strip() for span in legend]))
    return found


class Compare(ClassifierTest):
    def test_runs_of_a_kind_share_their_charts(self):
        self.pretrain("--epochs", 1, "--batch_size", 10, "--eval_data", self.data, out=self.folder / "masks")
        for name in ("first", "second"):
            self.train("finetune", "--epochs", 1, "--warmup_epochs", 0, "--eval_data", self.classes,
                       out=self.folder / name)
        page = self.folder / "page.html"
        result = run_program("compare", *(self.folder / n for n in ("first", "masks", "second")), "--out", page,
                             "--title", "A <title>")
        self.assertEqual((result.returncode, result.stdout), (0, f"comparison: {page}\n"), result.stderr)
        both = ["first", "second"]
        # Each along epochs, images and CPU time.
        self.assertEqual(charts(page), [chart for chart in [
            ("Accuracy on held-out images", both), ("Held-out loss", both), ("Training loss", both),
            ("Held-out loss", ["masks"]), ("Training loss", ["masks"])] for _ in range(3)])
        for label in ("epoch", "images", "CPU minutes"):
            self.assertIn(f">{label}<", page.read_text())
        self.assertIn("A &lt;title&gt;", page.read_text())
        self.assertIn("finetune --data", page.read_text())

    def test_cpu_time_is_counted_over_the_whole_run(self):
        self.pretrain("--epochs", 3, "--batch_size", 10)
        seconds = [json.loads(line)["cpu_seconds"] for line in
                   (self.run_directory / "log.txt").read_text().splitlines()[1:]]
        self.assertEqual(sorted(set(seconds)), seconds)
        self.assertGreater(seconds[0], 0)
        # A run of before that was noted has the other charts.
        log = self.run_directory / "log.txt"
        log.write_text(log.read_text().replace("cpu_seconds", "other_seconds"))
        page = self.folder / "page.html"
        self.assertEqual(run_program("compare", self.run_directory, "--out", page).returncode, 0)
        self.assertEqual([title for title, _ in charts(page)], ["Training loss"] * 2)

    def test_errors(self):
        page = self.folder / "page.html"
        self.assert_user_error(run_program("compare"), "runs")
        self.assert_user_error(run_program("compare", self.folder, "--out", page), str(self.folder), "no run")
        self.pretrain("--epochs", 1, "--batch_size", 10)
        self.assert_user_error(run_program("compare", *[self.run_directory] * 7, "--out", page), "6 runs")
        self.assert_user_error(run_program("compare", self.run_directory, "--out", self.folder), str(self.folder))
        self.assertFalse(page.exists())


if __name__ == "__main__":
    unittest.main()
