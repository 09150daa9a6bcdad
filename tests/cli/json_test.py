"""--json: of every command that prints, one JSON text on standard output, numbers as numbers."""

import json
import shutil
import unittest

from program import TINY, ProgramTest, run_program

ONE_EPOCH = ["--batch_size", 10, "--epochs", 1]
SIZES = TINY[:TINY.index("--decoder_embed_dim")]


class Json(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_ = cls.scratch / "run"
        cls.classes = cls.scratch / "classes"
        for name in ("a", "b"):
            shutil.copytree(cls.data, cls.classes / name)
        cls.classifier = cls.scratch / "classifier"
        cls.pretrained = cls.output(
            "pretrain", "--data", cls.data, "--out", cls.run_, *TINY, *ONE_EPOCH)
        cls.finetuned = cls.output(
            "finetune", "--data", cls.classes, "--eval_data", cls.classes, "--out", cls.classifier,
            *SIZES, "--threads", 1, *ONE_EPOCH, "--warmup_epochs", 0)

    @classmethod
    def output(cls, *arguments):
        result = run_program(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def test_runs(self):
        self.assertEqual(self.pretrained["run"], str(self.run_))
        self.assertEqual((self.pretrained["step"], self.pretrained["steps"]), (2, 2))
        self.assertEqual((self.pretrained["epochs_done"], self.pretrained["epochs"]), (1, 1))
        self.assertIsNone(self.pretrained["signal"])
        self.assertEqual(self.pretrained["weights"], str(self.run_ / "weights.safetensors"))
        self.assertIsInstance(self.pretrained["last_epoch"]["train_loss"], float)
        self.assertEqual(self.finetuned.keys(), self.pretrained.keys())
        self.assertIsInstance(self.finetuned["last_epoch"]["test_acc1"], float)
        probe = self.output("linprobe", "--data", self.classes, "--init",
                            self.run_ / "weights.safetensors", "--out", self.folder / "probe",
                            "--threads", 1, *ONE_EPOCH, "--warmup_epochs", 0)
        self.assertEqual(probe.keys(), self.pretrained.keys())

    def test_a_run_that_is_stopped(self):
        process = self.start("--data", self.data, "--out", self.run_directory, *TINY,
                             "--batch_size", 4, "--epochs", 2000, "--json")
        log = self.run_directory / "steps.jsonl"
        self.wait_until(lambda: log.exists() and log.read_text().count("\n") > 2)
        process.terminate()
        out, _ = process.communicate()
        self.assertEqual(process.returncode, 143)
        found = json.loads(out)
        self.assertEqual(found.keys(), self.pretrained.keys())
        self.assertEqual(found["signal"], 15)
        self.assertIsNone(found["weights"])
        self.assertTrue(found["checkpoint"].endswith(f"step-{found['step']:08}.safetensors"))

    def test_eval(self):
        out = self.folder / "evaluation"
        for more in ([], ["--out", out], ["--per_class"]):
            found = self.output("eval", self.classes, "--checkpoint", self.classifier, "--threads",
                                1, *more)
            self.assertEqual(found["images"], 2 * self.IMAGES)
            for key in ("top1", "top5", "loss", "mean_recall", "calibration_error"):
                self.assertIsInstance(found[key], float)
            self.assertEqual([row["name"] for row in found["classes"]], ["a", "b"])
        written = json.loads((out / "eval.json").read_text())
        self.assertEqual({key: found[key] for key in written}, written)

    def test_features(self):
        out = self.folder / "f.npy"
        found = self.output("features", self.data, "--checkpoint", self.run_, "--stages", "1,3",
                            "--out", out)
        self.assertEqual(found["images"], self.IMAGES)
        self.assertEqual(found["stages"], [1, 3])
        self.assertIs(found["pooled"], False)
        self.assertEqual(found["files"], [str(self.folder / name) for name in (
            "f.stage1.npy", "f.stage3.npy", "f.csv")])

    def test_convert_and_reconstruct(self):
        weights = self.run_ / "weights.safetensors"
        found = self.output("convert", weights, self.folder / "w.pth", "--encoder_only")
        self.assertEqual(found["file"], str(self.folder / "w.pth"))
        self.assertGreater(found["weights"], 10)
        self.assertGreater(found["left_out"], 10)
        images = [self.data / "000.png", self.data / "001.png"]
        found = self.output("reconstruct", *images, "--checkpoint", self.run_, "--out",
                            self.folder / "r.png")
        self.assertEqual([row["image"] for row in found["images"]], list(map(str, images)))
        self.assertAlmostEqual(sum(row["loss"] for row in found["images"]) / 2,
                               found["mean_loss"])
        self.assertEqual(found["input_size"], [32, 32])

    def test_compare(self):
        found = self.output("compare", self.run_, self.classifier, "--out",
                            self.folder / "c.html")
        self.assertEqual([(run["name"], run["epochs"]) for run in found["runs"]],
                         [("run", 1), ("classifier", 1)])
        self.assertEqual(found["runs"][0]["last_epoch"]["epoch"], 0)

    def test_bench_weights(self):
        found = self.output("bench", "weights", self.run_ / "weights.safetensors", "--rounds", 1)
        self.assertEqual(found["rounds"], 1)
        self.assertIsInstance(found["ratio"], float)

    def test_every_command_that_prints_has_it(self):
        for command in ("pretrain", "finetune", "linprobe", "eval", "predict", "reconstruct",
                        "info", "inspect", "convert", "features", "knn", "stats", "compare",
                        "bench pretrain", "bench finetune", "bench inference", "bench ops",
                        "bench data", "bench weights"):
            with self.subTest(command=command):
                self.assertIn("--json ", run_program(*command.split(), "--help").stdout)


if __name__ == "__main__":
    unittest.main()
