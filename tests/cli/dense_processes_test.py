"""Several processes train and evaluate detectors and segmentors together."""

import json
import unittest

import numpy as np

from detect_train_test import TINY_DETECTOR, write_set as write_objects
from program import ProgramTest, epochs, run_program, steps, tensors
from ranks import Ranks
from segments import TINY_SEGMENTOR, write_set


def losses(run):
    return [step["loss"] for step in steps(run)]


class DenseProcesses(ProgramTest):
    IMAGES = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.objects = cls.scratch / "objects"
        write_objects(cls.objects, 12)
        cls.pairs = cls.scratch / "pairs"
        cls.labels = write_set(cls.pairs)

    def test_segmentors_train_and_evaluate_as_one_process_does(self):
        runs = [self.folder / f"segmentor-{processes}" for processes in (1, 2)]
        for run, processes in zip(runs, (1, 2)):
            Ranks(processes, "segment", "train", "--data", self.pairs, "--eval_data", self.pairs, *self.labels, "--out",
                  run, *TINY_SEGMENTOR, "--batch_size", 4 // processes, "--epochs", 2, "--warmup_epochs", 1,
                  "--drop_path", 0.2, "--dropout", 0.1).run(self)
        np.testing.assert_allclose(losses(runs[1]), losses(runs[0]), rtol=1e-4)
        for ours, alone in zip(epochs(runs[1]), epochs(runs[0])):
            self.assertAlmostEqual(ours["test_miou"], alone["test_miou"], delta=0.5)
        # The same pictures are kept, whoever has seen the images.
        kept = [sorted(path.name for path in (run / "panels").iterdir()) for run in runs]
        self.assertEqual(*kept)
        arguments = ["segment", "eval", self.pairs, "--checkpoint", runs[0], "--json"]
        alone = json.loads(run_program(*arguments, "--out", self.folder / "alone").stdout)
        ranks = Ranks(3, *arguments, "--out", self.folder / "together").run(self)
        self.assertEqual(json.loads(ranks.out[0]), alone)
        reports = [(self.folder / name / "report.html").read_text() for name in ("alone", "together")]
        self.assertEqual(*reports)

    def test_detectors_train_and_evaluate(self):
        images = ["--images", self.objects, "--annotations", self.objects / "annotations.json"]
        Ranks(2, "detect", "train", *images, "--eval_images", self.objects, "--eval_annotations",
              self.objects / "annotations.json", "--out", self.run_directory, *TINY_DETECTOR, "--batch_size", 2,
              "--epochs", 2, "--warmup_steps", 1).run(self)
        self.assertEqual(len(steps(self.run_directory)), 6)
        self.assertTrue(np.isfinite(losses(self.run_directory)).all())
        self.assertIn("box_ap", epochs(self.run_directory)[-1])
        arguments = ["detect", "eval", *images, "--checkpoint", self.run_directory, "--score_threshold", 0]
        figures = []
        for processes in (1, 2):
            out = self.folder / f"evaluation-{processes}"
            Ranks(processes, *arguments, "--out", out).run(self)
            found = json.loads((out / "metrics.json").read_text())
            figures.append((found["bbox"]["stats"], found["segm"]["stats"]))
            self.assertGreater(len(json.loads((out / "detections.json").read_text())), 0)
        self.assertEqual(*figures)
        self.assertGreater(len(tensors(self.run_directory / "weights.safetensors")), 50)


if __name__ == "__main__":
    unittest.main()
