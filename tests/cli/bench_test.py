"""`convmae bench`: what a step, its operators and loading weights cost."""

import json
import os
import unittest
from pathlib import Path

from program import ProgramTest, cpu_has_bf16, run_program

SMALL = "--model nano --input_size 64 --batch_size 2 --steps 2".split()


class BenchPretrain(ProgramTest):
    def report(self, *arguments):
        result = run_program("bench", "pretrain", *SMALL, *arguments, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_every_method_and_backend_is_measured(self):
        for arguments in (["--method", "fastconvmae"], ["--method", "mae"], ["--gemm", "aten"], ["--gemm", "onednn"]):
            report = self.report(*arguments, "--no_products")
            for key in ("cpu_seconds_per_step", "images_per_second", "peak_rss_bytes", "gemm_gflops",
                        "activation_bytes_per_image"):
                self.assertGreater(report[key], 0, key)
            parts = [report[part + "_cpu_seconds"] for part in ("forward", "backward", "optimizer")]
            self.assertAlmostEqual(report["cpu_seconds_per_step"], sum(parts))
            self.assertEqual((report["steps"], report["batch_size"], report["threads"]), (2, 2, 1))

    def test_every_product_of_a_step_is_listed(self):
        report = self.report("--decoder_depth", 2)
        products = report["products"]
        self.assertEqual({p["kind"] for p in products}, {"forward", "input gradient", "weight gradient"})
        calls = lambda kind: sum(p["calls"] for p in products if p["kind"] == kind)
        self.assertEqual(calls("forward"), calls("weight gradient"))
        # Images need no gradient: the first product has none.
        self.assertEqual(calls("forward"), calls("input gradient") + 1)
        flops = sum(2 * p["rows"] * p["in"] * p["out"] * p["calls"] for p in products)
        self.assertAlmostEqual(report["gemm_gflops"] * report["cpu_seconds_per_step"] * 1e9 / flops, 1, places=6)
        best = sum(2 * p["rows"] * p["in"] * p["out"] * p["calls"] / max(p["aten_gflops"], p["onednn_gflops"], p.get("native_gflops", 0))
                   for p in products) / 1e9
        self.assertAlmostEqual(report["gemm_limit_cpu_seconds"] / best, 1, places=6)
        self.assertAlmostEqual(report["gemm_share"] * report["cpu_seconds_per_step"] / best, 1, places=6)
        aten = sum(2 * p["rows"] * p["in"] * p["out"] * p["calls"] / p["aten_gflops"] for p in products) / 1e9
        self.assertAlmostEqual(report["gemm_aten_ratio"] * best / aten, 1, places=6)

    def test_products_are_listed_also_without_their_rates(self):
        products = self.report("--no_products")["products"]
        self.assertEqual(set(products[0]), {"kind", "rows", "in", "out", "calls"})

    def test_a_profile_lists_the_operators_of_a_step(self):
        report = self.report("--no_products", "--profile")
        kernels = report["kernels"]
        seconds = [kernel["seconds"] for kernel in kernels]
        self.assertEqual(seconds, sorted(seconds, reverse=True))
        self.assertGreater(min(seconds), -1e-9)  # what an operator calls is not counted twice
        calls = {kernel["name"]: kernel["calls"] for kernel in kernels}
        # In nano two blocks have a convolution; the optimizer steps once for each of two groups.
        self.assertEqual(calls["convmae::masked_depthwise_conv2d_backward"], 2)
        self.assertEqual(calls["aten::_fused_adamw_"], 2)
        result = run_program("bench", "pretrain", *SMALL, "--no_products", "--profile")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"operators +calls +ms\n")

    def test_the_dense_formulation_takes_its_turn(self):
        report = self.report("--against", "dense", "--no_products")
        self.assertAlmostEqual(report["dense_ratio"],
                               report["dense_cpu_seconds_per_step"] / report["cpu_seconds_per_step"])

    @unittest.skipUnless(cpu_has_bf16(), "this CPU has no bfloat16 arithmetic")
    def test_bf16_keeps_less_for_the_backward_pass(self):
        kept = [self.report("--precision", p, "--no_products")["activation_bytes_per_image"] for p in ("fp32", "bf16")]
        self.assertLess(kept[1], 0.65 * kept[0])

    def test_the_text_says_what_was_run(self):
        result = run_program("bench", "pretrain", *SMALL, "--gemm", "aten", "--no_products")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("2 steps of 2 images on 1 thread, fp32, aten matrix products", result.stdout)

    @unittest.skipUnless(len(os.sched_getaffinity(0)) > 1, "one CPU")
    def test_threads_bound_to_cpus_keep_a_cpu_each(self):
        places = ",".join(f"{{{cpu}}}" for cpu in sorted(os.sched_getaffinity(0))[:2])
        result = run_program("bench", "pretrain", *SMALL, "--no_products", "--threads", 2,
                             env=dict(os.environ, OMP_PLACES=places, OMP_PROC_BIND="true"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("places", result.stderr)  # libgomp: Number of places reduced from 2 to 1

    def test_errors(self):
        self.assert_user_error(run_program("bench", "pretrain", "--bogus"),
                               "unknown flag --bogus; see convmae bench pretrain --help")
        self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--steps", 0), "--steps")
        self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--gemm", "mkl"), "mkl", "onednn")
        self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--precision", "fp8"), "fp8")
        self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--device", "gpu"), "gpu", "cuda:NUMBER")
        self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--device", "cuda:99"), "cuda:99", "cpu")
        self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--kernel", "fast"), "fast", "reference")
        self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--against", "sparse"), "sparse", "dense")
        self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--against", "dense", "--method", "mae"), "mae")
        self.assert_user_error(run_program("bench"), "convmae bench --help")
        if not cpu_has_bf16():
            self.assert_user_error(run_program("bench", "pretrain", *SMALL, "--precision", "bf16"), "fp32")


class BenchClassifier(ProgramTest):
    def report(self, task, *arguments):
        result = run_program("bench", task, *SMALL, *arguments, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_a_fine_tuning_step_trains_every_product(self):
        report = self.report("finetune", "--num_classes", 7)
        self.assertGreater(report["activation_bytes_per_image"], 0)
        self.assertIn(7, [p["out"] for p in report["products"] if p["kind"] == "forward"])
        calls = lambda kind: sum(p["calls"] for p in report["products"] if p["kind"] == kind)
        self.assertEqual(calls("forward"), calls("weight gradient"))

    def test_inference_computes_forward_alone(self):
        for method in ("convmae", "mae"):
            report = self.report("inference", "--method", method)
            self.assertEqual((report["backward_cpu_seconds"], report["optimizer_cpu_seconds"]), (0, 0))
            self.assertEqual({p["kind"] for p in report["products"]}, {"forward"})
            self.assertNotIn("activation_bytes_per_image", report)

    def test_errors(self):
        self.assert_user_error(run_program("bench", "inference", *SMALL, "--num_classes", 0), "--num_classes")
        self.assert_user_error(run_program("bench", "finetune", "--against", "dense"), "--against")


class BenchDense(ProgramTest):
    def report(self, task, *arguments):
        result = run_program("bench", task, "--model", "nano", "--depth", "1,1,2", "--steps", 1, *arguments, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        return json.loads(result.stdout)

    def test_a_detector_learns_with_less_memory_if_it_computes_twice(self):
        small = ("--input_size", 256, "--batch_size", 1, "--backbone_alone")
        kept = [self.report("detect", *small, *more)["activation_bytes_per_image"] for more in ([], ["--recompute"])]
        self.assertLess(kept[1], 0.75 * kept[0])

    def test_the_whole_detector_is_measured(self):
        report = self.report("detect", "--detector", "official", "--input_size", 64, "--batch_size", 1,
                             "--num_classes", 3)
        self.assertEqual((report["config"]["num_classes"], report["config"]["img_size"]), (3, [64, 64]))
        self.assertGreater(report["backward_cpu_seconds"], 0)
        self.assertNotIn("gemm_gflops", report)

    def test_a_segmentor_needs_two_images(self):
        small = ("--input_size", 64, "--num_classes", 5)
        report = self.report("segment", *small, "--batch_size", 2)
        self.assertEqual(report["config"]["num_classes"], 5)
        self.assertGreater(report["backward_cpu_seconds"], 0)
        self.assert_user_error(run_program("bench", "segment", "--model", "nano", *small, "--batch_size", 1), "batch")

    def test_errors(self):
        self.assert_user_error(run_program("bench", "detect", "--detector", "swin"), "official")
        self.assert_user_error(run_program("bench", "detect", "--input_size", 160), "windows")


class BenchOps(ProgramTest):
    def test_operators_are_held_against_measured_limits(self):
        result = run_program("bench", "ops", "--batch_size", 1, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        names = {operator["name"] for operator in report["operators"]}
        self.assertLessEqual({"masked_depthwise_conv2d", "self_attention", "mlp", "gelu", "layer_norm"}, names)
        for operator in report["operators"]:
            shares = (operator["gigabytes_per_second"] / report["limit_gigabytes_per_second"],
                      operator["gflops"] / report["limit_gflops"])
            self.assertAlmostEqual(operator["share_of_limit"], max(shares))

    def test_errors(self):
        self.assert_user_error(run_program("bench", "ops", "--batch_size", 0), "--batch_size")


class BenchWeights(ProgramTest):
    def test_loading_is_compared_with_reading(self):
        checkpoint = Path(__file__).parents[1] / "golden" / "pth" / "checkpoint_legacy.pth"
        result = run_program("bench", "weights", checkpoint, "--rounds", 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        for line in ("read() into fresh memory", "weights into tensors", "ratio"):
            self.assertIn(line, result.stdout)

    def test_errors(self):
        self.assert_user_error(run_program("bench", "weights", self.folder / "none"), "none")


if __name__ == "__main__":
    unittest.main()
