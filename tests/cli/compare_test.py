"""`convmae compare`: the curves of several runs on one page."""

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
        self.assertEqual(charts(page), [("Accuracy on held-out images", both), ("Held-out loss", both),
                                        ("Training loss", both), ("Held-out loss", ["masks"]),
                                        ("Training loss", ["masks"])])
        self.assertIn("A &lt;title&gt;", page.read_text())
        self.assertIn("finetune --data", page.read_text())

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
