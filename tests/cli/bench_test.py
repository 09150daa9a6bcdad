"""`convmae bench pretrain`: what a step costs."""

import json
import unittest

from program import ProgramTest, run_program

SMALL = "--model nano --input_size 64 --batch_size 2 --steps 2".split()


class BenchPretrain(ProgramTest):
    def report(self, *arguments):
        result = run_program("bench", "pretrain", *SMALL, *arguments, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_every_method_and_backend_is_measured(self):
        for arguments in (["--method", "fastconvmae"], ["--method", "mae"], ["--gemm", "aten"], ["--gemm", "onednn"]):
            report = self.report(*arguments)
            for key in ("cpu_seconds_per_step", "images_per_second", "peak_rss_bytes"):
                self.assertGreater(report[key], 0, key)
            parts = [report[part + "_cpu_seconds"] for part in ("forward", "backward", "optimizer")]
            self.assertAlmostEqual(report["cpu_seconds_per_step"], sum(parts))
            self.assertEqual((report["steps"], report["batch_size"], report["threads"]), (2, 2, 1))

    def test_the_text_says_what_was_run(self):
        result = run_program("bench", "pretrain", *SMALL, "--gemm", "aten")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("2 steps of 2 images on 1 thread, float32, aten matrix products", result.stdout)

    def test_errors(self):
        self.assert_user_error(run_program("bench", "pretrain", "--bogus"),
                               "unknown flag --bogus; see convmae bench pretrain --help")
        self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--steps", 0), "--steps")
        self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--gemm", "mkl"), "mkl", "onednn")
        self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--precision", "fp8"), "fp8")
        self.assert_user_error(run_program("bench"), "convmae bench --help")


if __name__ == "__main__":
    unittest.main()
